"""The console shows who may enter nothing and how much a firm may enter, as the engine tells it.

The step before is named as it was before it was put together (`make test-upgrades`).
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0004_order_cancel_reason'),
    ]

    operations = [
        migrations.AddField(
            model_name='membership',
            name='burst',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='membership',
            name='day_value_fen',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='membership',
            name='orders_per_s',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='membership',
            name='self_match',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.CreateModel(
            name='TradingBan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('firm_id', models.PositiveBigIntegerField()),
                ('trader_id', models.PositiveBigIntegerField()),
                ('reason', models.CharField(max_length=200)),
                ('cancelled', models.PositiveIntegerField()),
                ('actor_id', models.PositiveBigIntegerField()),
                ('banned_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_by_id', models.PositiveBigIntegerField(null=True)),
                ('lift_reason', models.CharField(blank=True, max_length=200)),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('venue', 'firm_id', 'trader_id'), name='one_ban_at_a_time')],
            },
        ),
    ]
