"""Refused goods that are replaced by agreement: delivered, weighed and certified once more."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0003_delivery_terms'),
        ('settlement', '0025_ratings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Replacement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('by_firm_id', models.PositiveBigIntegerField()),
                ('kg', models.PositiveBigIntegerField()),
                ('days', models.PositiveSmallIntegerField()),
                ('reason', models.CharField(max_length=400)),
                ('at', models.DateTimeField()),
                ('taken_at', models.DateTimeField(null=True)),
                ('storage_fen', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name='inspection',
            name='through',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='obligation',
            name='replacing',
            field=models.CharField(blank=True, choices=[('due', 'Due'), ('ready', 'Ready')], max_length=6),
        ),
        migrations.AddField(
            model_name='weighticket',
            name='replaced',
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name='weighticket',
            constraint=models.CheckConstraint(condition=models.Q(('replaced', False), ('refused', True), _connector='OR'), name='replaced_was_refused'),
        ),
        migrations.AddField(
            model_name='replacement',
            name='obligation',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='replacement', to='settlement.obligation'),
        ),
        migrations.AddField(
            model_name='replacement',
            name='venue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='exchange.venue'),
        ),
    ]
