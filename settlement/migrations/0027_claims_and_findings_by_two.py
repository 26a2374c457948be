"""Whose money is, and what became of an operation, is said by two people from now on.

What one person decided before stays as it is. The steps before are named as they were before they
were put together: a database comes here by either way (`make test-upgrades`).
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0004_order_cancel_reason'),
        ('settlement', '0026_replacement'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_done', models.BooleanField()),
                ('ref', models.CharField(max_length=100)),
                ('said_at', models.DateTimeField()),
                ('agreed', models.BooleanField(null=True)),
                ('answered_at', models.DateTimeField(null=True)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='settlement.paymentoperation')),
                ('said_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('agreed__isnull', True), ('agreed', True), _connector='OR'), fields=('operation',), name='one_finding_at_a_time'),
                    models.CheckConstraint(condition=models.Q(('agreed__isnull', True), models.Q(('agreed', False), ('answered_by__isnull', False)), models.Q(('agreed', True), ('answered_by__isnull', False), models.Q(('answered_by', models.F('said_by')), _negated=True)), _connector='OR'), name='finding_agreed_by_another'),
                ],
            },
        ),
        migrations.RemoveConstraint(model_name='incomingitem', name='return_agreed_by_another'),
        migrations.RemoveConstraint(model_name='incomingitem', name='return_asked_by_somebody'),
        migrations.AlterField(
            model_name='incomingitem',
            name='state',
            field=models.CharField(choices=[('matched', 'Matched'), ('unknown', 'Unknown'), ('claimed', 'Claimed'), ('proposed', 'Proposed'), ('reported', 'Reported'), ('returning', 'Returning'), ('returned', 'Returned')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='incomingitem',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), ('proposed_by__isnull', True), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='item_agreed_by_another'),
        ),
        migrations.AddConstraint(
            model_name='incomingitem',
            constraint=models.CheckConstraint(condition=models.Q(('proposed_by__isnull', False), models.Q(('state__in', ['claimed', 'proposed', 'reported', 'returning']), _negated=True), _connector='OR'), name='item_asked_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='incomingitem',
            constraint=models.CheckConstraint(condition=models.Q(('firm__isnull', False), models.Q(('state', 'claimed'), _negated=True), _connector='OR'), name='claim_names_its_firm'),
        ),
    ]
