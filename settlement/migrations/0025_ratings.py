"""What parties thought of each other, kept; the database refuses to change or remove it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


TABLE = "settlement_rating"
# INSERT OR REPLACE removes rows without firing delete triggers, hence the check before inserts.
SQLITE = f"""
CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE}
BEGIN SELECT RAISE(ABORT, 'a rating is never changed'); END;
CREATE TRIGGER {TABLE}_delete BEFORE DELETE ON {TABLE}
BEGIN SELECT RAISE(ABORT, 'a rating is never removed'); END;
CREATE TRIGGER {TABLE}_once BEFORE INSERT ON {TABLE}
WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id
             OR (obligation_id = NEW.obligation_id AND by_firm_id = NEW.by_firm_id))
BEGIN SELECT RAISE(ABORT, 'a party rates once'); END;
"""
POSTGRESQL = f"""
CREATE FUNCTION {TABLE}_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a rating is never changed or removed'; END $$;
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
        ('settlement', '0024_exhibits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Rating',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('punctuality', models.PositiveSmallIntegerField()),
                ('quality', models.PositiveSmallIntegerField()),
                ('documents', models.PositiveSmallIntegerField()),
                ('text', models.CharField(blank=True, max_length=200)),
                ('open_until', models.DateTimeField()),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('by_firm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='exchange.firm')),
                ('obligation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ratings', to='settlement.obligation')),
                ('of_firm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='exchange.firm')),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
            options={
                'indexes': [models.Index(fields=['venue', 'of_firm'], name='settlement__venue_i_e5e0f6_idx')],
                'constraints': [models.UniqueConstraint(fields=('obligation', 'by_firm'), name='one_rating_per_party'), models.CheckConstraint(condition=models.Q(('by_firm', models.F('of_firm')), _negated=True), name='rating_of_another'), models.CheckConstraint(condition=models.Q(('documents__range', (1, 5)), ('punctuality__range', (1, 5)), ('quality__range', (1, 5))), name='marks_from_one_to_five')],
            },
        ),
        migrations.RunPython(freeze, migrations.RunPython.noop),
    ]
