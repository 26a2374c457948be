"""One pile has one living receipt, whoever registers it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0004_contracts")]

    operations = [
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("parent_id", 0), ("state__in", ["applied", "registered"])),
                fields=("warehouse", "lot_reference"),
                name="one_pile_one_receipt",
            ),
        ),
    ]
