"""What was measured of a delivery: a field for each attribute that the rules ask for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from matching.units import Kg
from settlement.quality.rules import Adjustment, Glaze, Regain, RuleSet, Table
from web import reasons

_MEASURED: Final = RegexValidator(r"\A-?[0-9]{1,9}(\.[0-9]{1,6})?\Z", code="NUMBER")
_WEIGHT: Final = RegexValidator(r"\A[0-9]{1,9}(\.[0-9]{1,3})?\Z", code="NUMBER")
PREFIX: Final = "q_"


class QualityForm(forms.Form):
    """Delivered weight in tonnes and the values of a certificate; nothing is stored."""

    weight = forms.CharField(label=_("交收重量（吨）"), max_length=14, validators=[_WEIGHT])

    def __init__(self, rules: RuleSet, units: dict[str, str], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.auto_id = "id_%s"
        self.fields |= attribute_fields(rules, units)

    def refuse(self, code: str, attribute: str) -> None:
        """Put a refusal at the attribute's field."""
        self.add_error(PREFIX + attribute, forms.ValidationError(reasons.sentence(code), code=code))

    def weight_kg(self) -> Kg:
        """Return the weight in kg."""
        return int(Decimal(self.cleaned_data["weight"]) * 1000)

    def measured(self) -> dict[str, str]:
        """Return what was filled in, by attribute."""
        return {
            name.removeprefix(PREFIX): value
            for name, value in self.cleaned_data.items()
            if name.startswith(PREFIX) and value
        }


def attribute_fields(rules: RuleSet, units: dict[str, str]) -> dict[str, forms.Field]:
    """Return a field for each attribute that a rule or a reject asks for."""
    fields: dict[str, forms.Field] = {}
    priced = {name for rule in rules.adjustments for name in _attributes(rule)}
    grades = {r.attribute: r.amounts for r in rules.adjustments if isinstance(r, Table)}
    texts = {r.attribute for r in rules.rejects if r.operator in ("missing", "!=")}
    for name, zh in rules.attributes.items():
        if name not in priced and all(r.attribute != name for r in rules.rejects):
            continue
        label = zh if get_language() != "en" else f"{zh} ({name})"
        if units.get(name, "-") != "-":
            label += f" · {units[name]}"
        field: forms.Field
        if name in grades:
            field = forms.ChoiceField(choices=[(grade, grade) for grade in grades[name]])
        elif name in texts:
            field = forms.CharField(max_length=40, required=False)
        else:
            field = forms.CharField(max_length=16, validators=[_MEASURED], required=name in priced)
        field.label = label
        fields[PREFIX + name] = field
    return fields


def _attributes(rule: Adjustment) -> tuple[str, ...]:
    if isinstance(rule, Regain):
        return ("trash", "regain")
    return ("glaze",) if isinstance(rule, Glaze) else (rule.attribute,)
