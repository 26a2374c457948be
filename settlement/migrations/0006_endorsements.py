"""The keeper's signature under each transfer of title."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0003_delivery_terms'),
        ('settlement', '0005_one_pile_one_receipt'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Endorsement',
            fields=[
                ('key', models.CharField(max_length=48, primary_key=True, serialize=False)),
                ('trade_id', models.PositiveBigIntegerField()),
                ('lots', models.PositiveBigIntegerField()),
                ('weight_kg', models.PositiveBigIntegerField()),
                ('at', models.DateTimeField()),
                ('signed_at', models.DateTimeField(null=True)),
                ('from_firm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='exchange.firm')),
                ('receipt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='endorsements', to='settlement.receipt')),
                ('signed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('to_firm', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='exchange.firm')),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
            options={
                'indexes': [models.Index(fields=['venue', 'signed_at', 'at'], name='settlement__venue_i_0851ab_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', True), ('signed_by__isnull', True)), models.Q(('signed_at__isnull', False), ('signed_by__isnull', False)), _connector='OR'), name='a_signature_has_its_signer_and_time')],
            },
        ),
    ]
