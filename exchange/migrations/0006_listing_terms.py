"""Volatility interruption, bound a day and resale rule are terms of an instrument.

What was listed before is bound by its receipts alone, as the engine was told then.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0005_bans_and_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='instrument',
            name='call_seconds',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='instrument',
            name='dynamic_bp',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='instrument',
            name='max_day_lots',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='instrument',
            name='resale_rule',
            field=models.CharField(choices=[('product', 'Product'), ('receipt', 'Receipt')], default='receipt', max_length=8),
        ),
    ]
