"""Rules of adjustment by version, guarded by the database; bars counted on weigh tickets."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A table made anew (SQLite alters tables so) loses its triggers: whoever does must install them.
# INSERT OR REPLACE removes rows without firing delete triggers, hence the check before inserts.
SQLITE = """
CREATE TRIGGER rule_version_insert BEFORE INSERT ON settlement_ruleversion
WHEN NEW.state = 'withdrawn' OR (NEW.state = 'published' AND NEW.number <> 1)
    OR EXISTS (SELECT 1 FROM settlement_ruleversion WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM settlement_ruleversion WHERE venue_id = NEW.venue_id
               AND commodity_id = NEW.commodity_id AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'rules begin as a draft'); END;
CREATE TRIGGER rule_version_same BEFORE UPDATE ON settlement_ruleversion
WHEN OLD.id <> NEW.id OR OLD.venue_id <> NEW.venue_id OR OLD.commodity_id <> NEW.commodity_id
    OR OLD.number <> NEW.number OR OLD.state = 'withdrawn'
BEGIN SELECT RAISE(ABORT, 'a version of rules keeps its number'); END;
CREATE TRIGGER rule_version_frozen BEFORE UPDATE ON settlement_ruleversion
WHEN (OLD.state = 'published' OR NEW.state <> 'draft') AND (
    OLD.text <> NEW.text OR OLD.digest <> NEW.digest OR OLD.effective_on <> NEW.effective_on
    OR OLD.summary <> NEW.summary OR OLD.proposed_by_id IS NOT NEW.proposed_by_id
    OR OLD.proposed_at <> NEW.proposed_at)
BEGIN SELECT RAISE(ABORT, 'published rules are never changed'); END;
CREATE TRIGGER rule_version_published BEFORE UPDATE ON settlement_ruleversion
WHEN OLD.state = 'draft' AND NEW.state = 'published'
    AND EXISTS (SELECT 1 FROM settlement_ruleversion WHERE venue_id = NEW.venue_id
                AND commodity_id = NEW.commodity_id AND state = 'published')
    AND strftime('%Y-%m-%d %H:%M:%f', NEW.published_at, '+176 hours')
        > NEW.effective_on || ' 00:00:00.000'
BEGIN SELECT RAISE(ABORT, 'rules take effect seven days after their publication'); END;
CREATE TRIGGER rule_version_withdrawn BEFORE UPDATE ON settlement_ruleversion
WHEN OLD.state = 'published' AND (
    NEW.state <> 'withdrawn' OR OLD.approved_by_id IS NOT NEW.approved_by_id
    OR OLD.published_at IS NOT NEW.published_at OR NEW.withdrawn_at IS NULL
    OR date(NEW.withdrawn_at, '+8 hours') >= NEW.effective_on)
BEGIN SELECT RAISE(ABORT, 'published rules are withdrawn before their day or never'); END;
CREATE TRIGGER rule_version_delete BEFORE DELETE ON settlement_ruleversion
BEGIN SELECT RAISE(ABORT, 'rules are never removed'); END;
"""

POSTGRESQL = """
CREATE FUNCTION rule_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'withdrawn' OR (NEW.state = 'published' AND NEW.number <> 1) THEN
            RAISE EXCEPTION 'rules begin as a draft';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.id, OLD.venue_id, OLD.commodity_id, OLD.number)
        IS DISTINCT FROM (NEW.id, NEW.venue_id, NEW.commodity_id, NEW.number)
        OR OLD.state = 'withdrawn' THEN
        RAISE EXCEPTION 'a version of rules keeps its number';
    END IF;
    IF (OLD.state = 'published' OR NEW.state <> 'draft')
        AND (OLD.text, OLD.digest, OLD.effective_on, OLD.summary, OLD.proposed_by_id,
             OLD.proposed_at)
        IS DISTINCT FROM (NEW.text, NEW.digest, NEW.effective_on, NEW.summary, NEW.proposed_by_id,
             NEW.proposed_at) THEN
        RAISE EXCEPTION 'published rules are never changed';
    END IF;
    IF OLD.state = 'draft' AND NEW.state = 'published'
        AND EXISTS (SELECT 1 FROM settlement_ruleversion WHERE venue_id = NEW.venue_id
                    AND commodity_id = NEW.commodity_id AND state = 'published')
        AND NEW.published_at + interval '168 hours'
            > NEW.effective_on::timestamp AT TIME ZONE 'Asia/Shanghai' THEN
        RAISE EXCEPTION 'rules take effect seven days after their publication';
    END IF;
    IF OLD.state = 'published' AND (
        NEW.state <> 'withdrawn' OR NEW.withdrawn_at IS NULL
        OR (OLD.approved_by_id, OLD.published_at)
            IS DISTINCT FROM (NEW.approved_by_id, NEW.published_at)
        OR NEW.withdrawn_at >= NEW.effective_on::timestamp AT TIME ZONE 'Asia/Shanghai') THEN
        RAISE EXCEPTION 'published rules are withdrawn before their day or never';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rule_version_guard BEFORE INSERT OR UPDATE ON settlement_ruleversion
    FOR EACH ROW EXECUTE FUNCTION rule_version_guard();
CREATE FUNCTION rule_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rules are never removed'; END $$;
CREATE TRIGGER rule_version_stays BEFORE DELETE OR TRUNCATE ON settlement_ruleversion
    FOR EACH STATEMENT EXECUTE FUNCTION rule_version_stays();
"""


def install(apps, schema_editor):
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
        ('settlement', '0018_receipt_holds'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RuleVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('withdrawn', 'Withdrawn')], max_length=10)),
                ('effective_on', models.DateField()),
                ('summary', models.CharField(blank=True, max_length=200)),
                ('proposed_at', models.DateTimeField()),
                ('published_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('withdrawn_why', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['commodity_id', '-number'],
            },
        ),
        migrations.AddField(
            model_name='weighticket',
            name='diameter',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AddField(
            model_name='weighticket',
            name='metres',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AddField(
            model_name='weighticket',
            name='pieces',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='weighticket',
            name='theoretical_kg',
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name='weighticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('diameter', ''), ('metres', ''), ('pieces', 0), ('theoretical_kg__isnull', True)), models.Q(('pieces__gt', 0), ('theoretical_kg__isnull', False), models.Q(('diameter', ''), _negated=True), models.Q(('metres', ''), _negated=True)), _connector='OR'), name='pieces_are_counted_or_not'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='approved_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='commodity',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='exchange.commodity'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='proposed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='venue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='withdrawn_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.UniqueConstraint(fields=('venue', 'commodity', 'number'), name='one_rule_version_per_number'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'published')), fields=('venue', 'commodity', 'effective_on'), name='one_rule_version_per_day'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'draft')), fields=('venue', 'commodity'), name='one_rule_draft_per_commodity'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'published', 'withdrawn'])), name='rule_state_known'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'published'), _negated=True), ('published_at__isnull', False), _connector='OR'), name='rules_published_at_an_instant'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'withdrawn'), _negated=True), ('withdrawn_at__isnull', False), _connector='OR'), name='rules_withdrawn_at_an_instant'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('published_at__isnull', True), models.Q(('approved_by__isnull', True), ('number', 1), ('proposed_by__isnull', True)), models.Q(('approved_by__isnull', False), ('proposed_by__isnull', False), models.Q(('approved_by', models.F('proposed_by')), _negated=True)), _connector='OR'), name='rules_need_two_people'),
        ),
        migrations.RunPython(install, migrations.RunPython.noop),
    ]
