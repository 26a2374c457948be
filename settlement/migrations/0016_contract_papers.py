"""Texts of contracts and their signatures, kept; the database refuses to change them."""

import datetime as dt
import hashlib
import json

import django.db.models.deletion
from django.db import migrations, models

TABLES = ("settlement_contractpaper", "settlement_contractsignature")

# INSERT OR REPLACE removes rows without firing delete triggers, hence the check before inserts.
SQLITE = """
CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'a signed paper is never changed'); END;
CREATE TRIGGER {table}_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, 'a signed paper is never removed'); END;
CREATE TRIGGER {table}_once BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
BEGIN SELECT RAISE(ABORT, 'a paper is signed once'); END;
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION contract_paper_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a signed paper is never changed or removed'; END $$;
"""
POSTGRESQL = """
CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION contract_paper_stays();
"""
KEYS = {"settlement_contractpaper": "obligation_id", "settlement_contractsignature": "id"}


def first_format(contract):
    """Return what a delivered and accepted contract's digest was taken of until now."""
    instrument = contract.instrument
    made_at = contract.opened_at.astimezone(dt.timezone.utc)
    return {
        "format": 1,
        "venue": contract.venue.code,
        "trade_id": contract.trade_id,
        "made_at": made_at.isoformat(timespec="microseconds"),
        "buyer": {"name": contract.buyer.name_zh, "uscc": contract.buyer.uscc},
        "seller": {"name": contract.seller.name_zh, "uscc": contract.seller.uscc},
        "instrument": instrument.code,
        "goods": f"{instrument.name_zh} {instrument.grade_zh}",
        "delivery_basis": instrument.basis,
        "warehouse": instrument.warehouse.code,
        "receipts": contract.receipts,
        "weight_kg": contract.weight_kg,
        "price_fen_per_t": contract.price_ticks * instrument.tick_fen_per_t,
        "value_fen": contract.value_fen,
        "net_fen": contract.net_fen,
        "vat_fen": contract.vat_fen,
        "vat_pct": contract.vat_pct,
        "buyer_fee_fen": contract.buyer_fee_fen,
        "seller_fee_fen": contract.seller_fee_fen,
        "deposit_bp": instrument.cover_bp,
        "terms": contract.terms,
    }


def keep_old_texts(apps, schema_editor):
    """Write down the texts of contracts that are signed already, where they still have the digest
    that was signed; a name that has changed since leaves the contract with its digest alone."""
    Obligation = apps.get_model("settlement", "Obligation")
    ContractPaper = apps.get_model("settlement", "ContractPaper")
    signed = Obligation._base_manager.exclude(terms_sha256="").select_related(
        "venue", "buyer", "seller", "instrument__warehouse"
    )
    for contract in signed.order_by("pk").iterator(chunk_size=500):
        text = json.dumps(
            first_format(contract), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        if sha256 == contract.terms_sha256:
            ContractPaper._base_manager.create(
                obligation=contract, venue=contract.venue, text=text, sha256=sha256,
                at=contract.opened_at,
            )


def freeze(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for table in TABLES:
            for statement in SQLITE.format(table=table, key=KEYS[table]).split("END;\n"):
                if statement.strip():
                    schema_editor.execute(statement + "END;")
    else:
        script = "".join(POSTGRESQL.format(table=table) for table in TABLES)
        schema_editor.execute(POSTGRESQL_FUNCTION + script)


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0003_delivery_terms'),
        ('settlement', '0015_freezes'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContractPaper',
            fields=[
                ('obligation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='paper', serialize=False, to='settlement.obligation')),
                ('text', models.TextField()),
                ('sha256', models.CharField(max_length=64)),
                ('seq', models.PositiveBigIntegerField(default=0)),
                ('block_hash', models.CharField(blank=True, max_length=64)),
                ('engine_version', models.CharField(blank=True, max_length=20)),
                ('at', models.DateTimeField()),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
        ),
        migrations.CreateModel(
            name='ContractSignature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(max_length=6)),
                ('trader_id', models.PositiveBigIntegerField()),
                ('signer', models.CharField(blank=True, max_length=150)),
                ('order_id', models.PositiveBigIntegerField()),
                ('client_order_id', models.CharField(max_length=36)),
                ('ordered_at', models.DateTimeField()),
                ('firm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='exchange.firm')),
                ('paper', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signatures', to='settlement.contractpaper')),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('paper', 'side'), name='one_signature_per_side'), models.CheckConstraint(condition=models.Q(('side__in', ['buyer', 'seller'])), name='signature_side_known')],
            },
        ),
        migrations.RunPython(keep_old_texts, migrations.RunPython.noop),
        migrations.RunPython(freeze, migrations.RunPython.noop),
    ]
