"""Files of evidence, kept; the database refuses to change or remove their rows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


TABLE = "settlement_exhibit"
# INSERT OR REPLACE removes rows without firing delete triggers, hence the checks before inserts.
SQLITE = f"""
CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE}
BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
CREATE TRIGGER {TABLE}_delete BEFORE DELETE ON {TABLE}
BEGIN SELECT RAISE(ABORT, 'evidence is never removed'); END;
CREATE TRIGGER {TABLE}_once BEFORE INSERT ON {TABLE}
WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id
             OR (obligation_id = NEW.obligation_id AND number = NEW.number)
             OR (obligation_id = NEW.obligation_id AND matter = NEW.matter AND side = NEW.side
                 AND sha256 = NEW.sha256))
BEGIN SELECT RAISE(ABORT, 'evidence is put forward once'); END;
"""
POSTGRESQL = f"""
CREATE FUNCTION {TABLE}_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'evidence is never changed or removed'; END $$;
CREATE TRIGGER {TABLE}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_stays();
"""


def freeze(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        # One statement at a time: executescript would commit the migration's transaction.
        for statement in SQLITE.split("END;"):
            if statement.strip():
                schema_editor.execute(statement + "END;")
    else:
        schema_editor.execute(POSTGRESQL)


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0003_delivery_terms'),
        ('settlement', '0023_returns_by_two'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Exhibit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('matter', models.CharField(choices=[('goods', 'Goods'), ('money', 'Money')], max_length=8)),
                ('side', models.CharField(max_length=12)),
                ('description', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('sent_sha256', models.CharField(max_length=64)),
                ('media_type', models.CharField(max_length=20)),
                ('size_bytes', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('obligation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exhibits', to='settlement.obligation')),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('obligation', 'number'), name='one_exhibit_per_number'), models.UniqueConstraint(fields=('obligation', 'matter', 'side', 'sha256'), name='one_exhibit_per_file'), models.CheckConstraint(condition=models.Q(('side__in', ['buyer', 'seller', 'clerk', 'inspector'])), name='exhibit_side_known')],
            },
        ),
        migrations.RunPython(freeze, migrations.RunPython.noop),
    ]
