"""Version 1 of the rules of everything that is listed already: what the commodity says today.

Contracts made before this keep their own copy of the rules and are left alone.
"""

import datetime as dt
import hashlib
import json

from django.db import migrations
from django.utils import timezone

KEYS = (
    "code", "vat_pct", "attributes", "adjustments", "rejects", "weight_basis",
    "piece_mass_kg_per_m",
)  # fmt: skip
FIRST_DAY = dt.date(2026, 1, 1)


def write_first(apps, schema_editor):
    version = apps.get_model("settlement", "RuleVersion")
    instruments = apps.get_model("exchange", "Instrument")._base_manager
    commodities = apps.get_model("exchange", "Commodity").objects.in_bulk()
    pairs = instruments.order_by("venue_id", "commodity_id").values_list(
        "venue_id", "commodity_id"
    )
    for venue_id, commodity_id in pairs.distinct():
        said = commodities[commodity_id].parameters
        rules = {key: said[key] for key in KEYS if key in said}
        text = json.dumps(rules, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        now = timezone.now()
        version._base_manager.create(
            venue_id=venue_id,
            commodity_id=commodity_id,
            number=1,
            text=text,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            state="published",
            effective_on=FIRST_DAY,
            proposed_at=now,
            published_at=now,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0019_rule_versions"),
    ]
    operations = [migrations.RunPython(write_first, migrations.RunPython.noop)]
