"""What the bank has sent back by itself waits for a second person, too.

Items that one person closed before stay as they are.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('settlement', '0022_contract_reminders'),
    ]

    operations = [
        migrations.AlterField(
            model_name='incomingitem',
            name='state',
            field=models.CharField(choices=[('matched', 'Matched'), ('unknown', 'Unknown'), ('proposed', 'Proposed'), ('reported', 'Reported'), ('returning', 'Returning'), ('returned', 'Returned')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='incomingitem',
            constraint=models.CheckConstraint(condition=models.Q(('proposed_by__isnull', False), models.Q(('state__in', ['proposed', 'reported', 'returning']), _negated=True), _connector='OR'), name='return_asked_by_somebody'),
        ),
    ]
