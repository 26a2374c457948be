"""Two phases: holds, posts and voids; numbers and hashes; ends of days. Triggers made anew."""

import datetime as dt
import hashlib

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

DROP = (
    "ledger_account_opening",
    "ledger_account_guard",
    "ledger_transfer_insert",
    "ledger_account_stays",
    "ledger_transfer_update",
    "ledger_transfer_delete",
)

_FROZEN_SQLITE = """
CREATE TRIGGER {table}_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'what the ledger wrote is never changed'); END;
CREATE TRIGGER {table}_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, 'what the ledger wrote is never removed'); END;
"""
FROZEN = ("ledger_transfer", "ledger_refusal", "ledger_closing", "ledger_day_balance")

# INSERT OR REPLACE removes rows without firing delete triggers, hence the checks before inserts.
SQLITE = """
CREATE TRIGGER ledger_account_opening BEFORE INSERT ON ledger_account
WHEN NEW.debits <> 0 OR NEW.credits <> 0 OR NEW.debits_pending <> 0 OR NEW.credits_pending <> 0
    OR EXISTS (SELECT 1 FROM ledger_account WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM ledger_account WHERE venue_id = NEW.venue_id
               AND ledger = NEW.ledger AND code = NEW.code AND firm_id = NEW.firm_id)
BEGIN SELECT RAISE(ABORT, 'an account opens once and with zero'); END;
CREATE TRIGGER ledger_account_guard BEFORE UPDATE ON ledger_account
WHEN (SELECT open FROM ledger_guard) = 0
BEGIN SELECT RAISE(ABORT, 'accounts change only by transfers'); END;
CREATE TRIGGER ledger_account_stays BEFORE DELETE ON ledger_account
BEGIN SELECT RAISE(ABORT, 'accounts are never removed'); END;
CREATE TRIGGER ledger_transfer_once BEFORE INSERT ON ledger_transfer
WHEN typeof(NEW.amount) <> 'integer'
    OR EXISTS (SELECT 1 FROM ledger_transfer WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM ledger_transfer WHERE pending_id = NEW.pending_id)
    OR EXISTS (SELECT 1 FROM ledger_transfer
               WHERE venue_id = NEW.venue_id AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'a transfer is written once, a hold resolved once'); END;
CREATE TRIGGER ledger_transfer_insert AFTER INSERT ON ledger_transfer
BEGIN
    SELECT RAISE(ABORT, 'a transfer stays within one ledger and venue')
    WHERE (SELECT count(*) FROM ledger_account WHERE id IN (NEW.debit_id, NEW.credit_id)
           AND ledger = NEW.ledger AND venue_id = NEW.venue_id) <> 2;
    SELECT RAISE(ABORT, 'a post or void resolves a hold of the same accounts, within its amount')
    WHERE NEW.pending_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM ledger_transfer h WHERE h.id = NEW.pending_id AND h.step = 'pending'
        AND h.debit_id = NEW.debit_id AND h.credit_id = NEW.credit_id
        AND NEW.amount <= h.amount AND (NEW.step = 'post' OR NEW.amount = h.amount)
        AND (NEW.step = 'void' OR h.expires_at IS NULL OR h.expires_at > NEW.at));
    UPDATE ledger_guard SET open = 1;
    UPDATE ledger_account SET
        debits = debits + CASE WHEN NEW.step IN ('posted', 'post') THEN NEW.amount ELSE 0 END,
        debits_pending = debits_pending
            + CASE WHEN NEW.step = 'pending' THEN NEW.amount ELSE 0 END
            - coalesce((SELECT amount FROM ledger_transfer WHERE id = NEW.pending_id), 0)
    WHERE id = NEW.debit_id;
    UPDATE ledger_account SET
        credits = credits + CASE WHEN NEW.step IN ('posted', 'post') THEN NEW.amount ELSE 0 END,
        credits_pending = credits_pending
            + CASE WHEN NEW.step = 'pending' THEN NEW.amount ELSE 0 END
            - coalesce((SELECT amount FROM ledger_transfer WHERE id = NEW.pending_id), 0)
    WHERE id = NEW.credit_id;
    UPDATE ledger_guard SET open = 0;
END;
"""

# One statement, one trigger: accounts are locked in the order of their ids, each updated once.
POSTGRESQL = """
CREATE OR REPLACE FUNCTION ledger_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.debits <> 0 OR NEW.credits <> 0
            OR NEW.debits_pending <> 0 OR NEW.credits_pending <> 0 THEN
            RAISE EXCEPTION 'an account opens with zero';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'accounts change only by transfers and are never removed';
END $$;
CREATE TRIGGER ledger_account_guard BEFORE INSERT OR UPDATE OR DELETE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_guard();
CREATE OR REPLACE FUNCTION ledger_transfer_apply() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_account
        WHERE id IN (SELECT debit_id FROM fresh UNION SELECT credit_id FROM fresh)
        ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT 1 FROM fresh f
        LEFT JOIN ledger_account d
            ON d.id = f.debit_id AND d.ledger = f.ledger AND d.venue_id = f.venue_id
        LEFT JOIN ledger_account c
            ON c.id = f.credit_id AND c.ledger = f.ledger AND c.venue_id = f.venue_id
        WHERE d.id IS NULL OR c.id IS NULL
    ) THEN
        RAISE EXCEPTION 'a transfer stays within one ledger and venue';
    END IF;
    IF EXISTS (
        SELECT 1 FROM fresh f
        LEFT JOIN ledger_transfer h ON h.id = f.pending_id AND h.step = 'pending'
            AND h.debit_id = f.debit_id AND h.credit_id = f.credit_id
            AND f.amount <= h.amount AND (f.step = 'post' OR f.amount = h.amount)
            AND (f.step = 'void' OR h.expires_at IS NULL OR h.expires_at > f.at)
        WHERE f.pending_id IS NOT NULL AND h.id IS NULL
    ) THEN
        RAISE EXCEPTION 'a post or void resolves a hold of the same accounts, within its amount';
    END IF;
    UPDATE ledger_account a SET
        debits = a.debits + m.debits,
        credits = a.credits + m.credits,
        debits_pending = a.debits_pending + m.debits_pending,
        credits_pending = a.credits_pending + m.credits_pending
    FROM (
        SELECT account, sum(d)::bigint AS debits, sum(c)::bigint AS credits,
            sum(dp)::bigint AS debits_pending, sum(cp)::bigint AS credits_pending
        FROM (
            SELECT side.account,
                CASE WHEN side.debit AND moves THEN f.amount ELSE 0 END AS d,
                CASE WHEN NOT side.debit AND moves THEN f.amount ELSE 0 END AS c,
                CASE WHEN side.debit THEN held ELSE 0 END AS dp,
                CASE WHEN NOT side.debit THEN held ELSE 0 END AS cp
            FROM (
                SELECT n.debit_id, n.credit_id, n.amount, n.step IN ('posted', 'post') AS moves,
                    CASE WHEN n.step = 'pending' THEN n.amount ELSE 0 END
                        - coalesce(h.amount, 0) AS held
                FROM fresh n LEFT JOIN ledger_transfer h ON h.id = n.pending_id
            ) f
            CROSS JOIN LATERAL (VALUES (f.debit_id, true), (f.credit_id, false))
                AS side (account, debit)
        ) lines
        GROUP BY account
    ) m
    WHERE a.id = m.account;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transfer_apply AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_apply();
"""
_FROZEN_POSTGRESQL = """
CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_stays();
"""


def lift(apps, schema_editor):
    """Take the old triggers away while the tables change."""
    if schema_editor.connection.vendor == "sqlite":
        for name in DROP:
            schema_editor.execute(f"DROP TRIGGER {name}")
    else:
        schema_editor.execute("DROP TRIGGER ledger_account_guard ON ledger_account")
        schema_editor.execute("DROP TRIGGER ledger_transfer_apply ON ledger_transfer")
        schema_editor.execute("DROP TRIGGER ledger_transfer_stays ON ledger_transfer")


def number_and_seal(apps, schema_editor):
    """Give the transfers of older books their numbers and hashes, in the journal's order."""
    rows = apps.get_model("settlement", "Transfer")._base_manager
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    venue_id, number, before = None, 0, bytes(32)
    for row in rows.select_related("debit", "credit").order_by("venue_id", "seq", "at", "id"):
        if row.venue_id != venue_id:
            venue_id, number, before = row.venue_id, 0, bytes(32)
        number += 1
        at_us = (row.at - epoch) // dt.timedelta(microseconds=1)
        content = (
            f"{venue_id}|{number}|{row.id.hex}|posted|{row.ledger}"
            f"|{row.debit.code}|{row.debit.firm_id}|{row.credit.code}|{row.credit.firm_id}"
            f"|{row.amount}|{row.kind}||0|{row.trade_id}|{row.seq}|{at_us}"
        )
        before = hashlib.sha256(before + content.encode()).digest()
        rows.filter(pk=row.pk).update(number=number, hash=before)


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        script = SQLITE + "".join(_FROZEN_SQLITE.format(table=table) for table in FROZEN)
        for statement in script.split("END;\n"):
            if statement.strip():
                schema_editor.execute(statement + "END;")
    else:
        frozen = "".join(_FROZEN_POSTGRESQL.format(table=table) for table in FROZEN)
        schema_editor.execute(POSTGRESQL + frozen)


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0002_order_terms'),
        ('settlement', '0002_ledger_triggers'),
    ]

    operations = [
        migrations.RunPython(lift, migrations.RunPython.noop),
        migrations.CreateModel(
            name='Closing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('number', models.PositiveBigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'db_table': 'ledger_closing',
            },
        ),
        migrations.CreateModel(
            name='DayBalance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('debits', models.PositiveBigIntegerField()),
                ('credits', models.PositiveBigIntegerField()),
                ('debits_pending', models.PositiveBigIntegerField()),
                ('credits_pending', models.PositiveBigIntegerField()),
            ],
            options={
                'db_table': 'ledger_day_balance',
            },
        ),
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('reason', models.TextField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_refusal',
            },
        ),
        migrations.RemoveConstraint(
            model_name='account',
            name='limited_account_not_below_zero',
        ),
        migrations.RemoveConstraint(
            model_name='transfer',
            name='transfer_moves',
        ),
        migrations.RemoveIndex(
            model_name='transfer',
            name='ledger_tran_debit_i_44289e_idx',
        ),
        migrations.RemoveIndex(
            model_name='transfer',
            name='ledger_tran_credit__9a1700_idx',
        ),
        migrations.AddField(
            model_name='account',
            name='credits_pending',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='account',
            name='debits_pending',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='transfer',
            name='expires_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='transfer',
            name='hash',
            field=models.BinaryField(default=b'', max_length=32),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='transfer',
            name='number',
            field=models.PositiveBigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='transfer',
            name='pending',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='settlement.transfer'),
        ),
        migrations.AddField(
            model_name='transfer',
            name='step',
            field=models.CharField(choices=[('posted', 'Posted'), ('pending', 'Pending'), ('post', 'Post'), ('void', 'Void')], default='posted', max_length=8),
        ),
        migrations.RunPython(number_and_seal, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(fields=['debit', '-number'], name='ledger_tran_debit_i_4942d0_idx'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(fields=['credit', '-number'], name='ledger_tran_credit__8dbfda_idx'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('expires_at__isnull', False)), fields=['venue', 'expires_at'], name='ledger_holds_with_deadline'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('limited', False), ('credits__gte', django.db.models.expressions.CombinedExpression(models.F('debits'), '+', models.F('debits_pending'))), _connector='OR'), name='limited_account_not_below_zero'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('code__in', ('bank', 'warehouse')), ('limited', False)), models.Q(('limited', True), models.Q(('code__in', ('bank', 'warehouse')), _negated=True)), _connector='OR'), name='account_limited_by_its_code'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('credits__lte', 9000000000000000000), ('debits__lte', 9000000000000000000)), name='account_totals_fit'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', 1000000000000000)), name='transfer_moves'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(fields=('venue', 'number'), name='one_transfer_per_number'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('pending__isnull', True), ('step__in', ['posted', 'pending'])), models.Q(('pending__isnull', False), ('step__in', ['post', 'void'])), _connector='OR'), name='transfer_resolves_a_hold_or_not'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__isnull', True), models.Q(('expires_at__gt', models.F('at')), ('step', 'pending')), _connector='OR'), name='transfer_expires_if_it_holds'),
        ),
        migrations.AddField(
            model_name='closing',
            name='venue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue'),
        ),
        migrations.AddField(
            model_name='daybalance',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='settlement.account'),
        ),
        migrations.AddField(
            model_name='daybalance',
            name='closing',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='settlement.closing'),
        ),
        migrations.AddField(
            model_name='daybalance',
            name='venue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue'),
        ),
        migrations.AddField(
            model_name='refusal',
            name='venue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue'),
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.UniqueConstraint(fields=('venue', 'day'), name='one_closing_per_day'),
        ),
        migrations.AddConstraint(
            model_name='daybalance',
            constraint=models.UniqueConstraint(fields=('closing', 'account'), name='one_balance_per_day'),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
