"""A draft of a commodity's rules, as text or as tables; publishing it; taking it back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from settlement.limits import RULES_BYTES
from settlement.quality.text import RuleError, parse
from settlement.quality.versions import VersionError
from web import reasons
from web.forms.base import ActForm

_YUAN: Final = RegexValidator(r"\A[+-]?[0-9]{1,8}(\.[0-9]{1,4})?\Z", code="NUMBER")
_DATE: Final = {"type": "date"}


class DraftForm(ActForm):
    """What every draft says besides its rules: from when, and why.

    `base` is the digest of the rules that the page began with: whoever saved meanwhile is not
    overwritten unseen.
    """

    base = forms.RegexField(r"\A[0-9a-f]{64}\Z", widget=forms.HiddenInput({"id": False}))
    effective_on = forms.DateField(
        label=_("生效日期"), widget=forms.DateInput(_DATE, format="%Y-%m-%d")
    )
    summary = forms.CharField(label=_("修改说明"), max_length=200)
    at_rules: str | None = None
    """The field to which a fault of the rules belongs."""

    def rules(self) -> Mapping[str, Any]:
        """Return the rules as the form has them. Raises `RuleError`."""
        raise NotImplementedError

    def refuse_rules(self, error: RuleError) -> None:
        """Say what is wrong with the rules, and where."""
        words = f"{reasons.sentence(error.code)} {error.detail}"
        self.add_error(self.at_rules, ValidationError(words, code=error.code))
        self.renew()

    def refuse_version(self, error: VersionError) -> None:
        """Say why the draft is not taken; with the earliest day where a day is to blame."""
        field = {
            "NOTICE": "effective_on",
            "TOO_FAR": "effective_on",
            "REQUIRED": "summary",
            "TOO_LONG": "summary",
        }.get(error.code)
        words = reasons.sentence(error.code)
        if error.day is not None:
            words += f" {error.day:%Y-%m-%d}"
        self.add_error(field, ValidationError(words, code=error.code))
        self.renew()


class RuleTextForm(DraftForm):
    """The whole rule set as JSON, for who knows its language."""

    at_rules = "text"
    text = forms.CharField(
        label=_("规则全文（JSON）"),
        max_length=RULES_BYTES,
        widget=forms.Textarea({"rows": 24, "class": "code", "spellcheck": "false", "wrap": "off"}),
    )

    def rules(self) -> Mapping[str, Any]:
        """Return what was typed. Raises `RuleError`."""
        return parse(self.cleaned_data["text"])


class RuleTableForm(DraftForm):
    """The amounts of a rule set's tables, such as cotton's monthly differentials."""

    def __init__(
        self, rules: Mapping[str, Any], names: Mapping[str, str], *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.auto_id = "id_table_%s"
        self._rules = rules
        self.tables: list[tuple[str, list[str]]] = []
        for place, row in _tables(rules):
            fields = []
            for n, (grade, yuan) in enumerate(row["table"].items()):
                name = f"t{place}_{n}"
                self.fields[name] = forms.CharField(
                    label=grade,
                    max_length=14,
                    validators=[_YUAN],
                    initial=str(yuan),
                    widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
                )
                fields.append(name)
            self.tables.append((names.get(row["attr"], row["attr"]), fields))

    def grids(self) -> Iterator[tuple[str, list[forms.BoundField]]]:
        """Return the tables with their fields, for the page."""
        for name, fields in self.tables:
            yield name, [self[field] for field in fields]

    def rules(self) -> Mapping[str, Any]:
        """Return the rules with the amounts that were typed; what was left alone stays as it is."""
        changed: dict[str, Any] = copy.deepcopy(dict(self._rules))
        for place, row in _tables(changed):
            for n, (grade, yuan) in enumerate(list(row["table"].items())):
                typed = self.cleaned_data[f"t{place}_{n}"].removeprefix("+")
                if typed != str(yuan):
                    row["table"][grade] = typed if "." in typed else int(typed)
        return changed


class PublishForm(ActForm):
    """The second person's decision about the draft that was read."""

    digest = forms.RegexField(r"\A[0-9a-f]{64}\Z", widget=forms.HiddenInput)
    effective_on = forms.DateField(widget=forms.HiddenInput)


class WithdrawForm(ActForm):
    """Why a draft is given up or an announcement taken back."""

    why = forms.CharField(label=_("撤回原因"), max_length=200)


def pretty(rules: Mapping[str, Any]) -> str:
    """Return rules as JSON that a person can edit: one row a line."""
    parts = []
    for name, value in rules.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value)
            text = f"[\n    {rows}\n  ]" if value else "[]"
        parts.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"


def _tables(rules: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for place, row in enumerate(rules["adjustments"]):
        if row["method"] == "table":
            yield place, row
