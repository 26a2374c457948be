from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0011_custody_entries")]

    operations = [
        migrations.AddConstraint(
            model_name='paymentoperation',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'refused'), _negated=True), fields=('venue', 'purpose'), name='one_operation_per_purpose'),
        ),
    ]
