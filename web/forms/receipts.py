"""Goods into the store and out of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange.models import Firm, Instrument, Membership, MembershipStatus
from exchange.queries import listed_instruments
from web import display, words
from web.forms.base import ActForm, NumberField


class CollectForm(ActForm):
    """How much of a receipt its owner collects, in the instrument's unit."""

    quantity = NumberField(label=_("提货数量"), decimals=3)

    def __init__(self, instrument: Instrument, *args: Any, **options: Any) -> None:
        self.instrument = instrument
        super().__init__(*args, **options)

    def clean_quantity(self) -> int:
        """Return the quantity in lots."""
        lots = display.to_lots(self.cleaned_data["quantity"], self.instrument)
        if lots is None:
            raise forms.ValidationError("", code="NUMBER")
        return lots


class SignForm(ActForm):
    """Which transfer the keeper signs."""

    transfer = forms.CharField(max_length=60, widget=forms.HiddenInput({"id": False}))


class RegisterForm(ActForm):
    """A pile that the warehouse has taken in for a firm."""

    firm = forms.ChoiceField(label=_("货主企业"))
    instrument = forms.ChoiceField(label=_("商品"))
    quantity = NumberField(label=_("数量"), decimals=3)
    weight = NumberField(
        label=_("过磅重量（吨）"),
        decimals=3,
        required=False,
        help_text=_("按件计的商品（卷、批）一件一单，须填实际重量；其他商品按数量计算，不必填写。"),
    )
    lot_reference = forms.CharField(
        label=_("货位、垛位、卷号或批号"), max_length=40, help_text=_("一货一单，不可重复。")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.firms = {
            str(member.firm_id): member.firm
            for member in Membership.objects.select_related("firm")
            .filter(may_sell=True, status=MembershipStatus.ACTIVE)
            .order_by("firm__code")
        }
        self.instruments = {str(one.pk): one for one in listed_instruments()}
        _choices(self.fields["firm"], [(key, _firm(one)) for key, one in self.firms.items()])
        _choices(
            self.fields["instrument"],
            [(key, _instrument(one)) for key, one in self.instruments.items()],
        )

    def clean(self) -> dict[str, Any]:
        """Turn quantity into lots and weight into kg."""
        data = super().clean() or {}
        instrument = self.instruments.get(data.get("instrument", ""))
        if instrument is None or "quantity" not in data or "weight" not in data:
            return data
        lots = display.to_lots(data["quantity"], instrument)
        if lots is None:
            self.add_error("quantity", forms.ValidationError("", code="NUMBER"))
            return data
        data["lots"] = lots
        data["weight_kg"] = lots * instrument.lot_kg
        if instrument.piece_max_kg:
            kilos = display.to_kg(data["weight"])
            low, high = instrument.piece_min_kg, instrument.piece_max_kg
            if not data["weight"]:
                self.add_error("weight", forms.ValidationError("", code="required"))
            elif lots != 1:
                self.refuse("ONE_PIECE", "quantity")
            elif kilos is None or not low <= kilos <= high:
                self.refuse("RECEIPT_WEIGHT", "weight", (kilos or 0, low, high), instrument)
            else:
                data["weight_kg"] = kilos
        return data


def _choices(field: forms.Field, rows: list[tuple[str, str]]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = [("", "—"), *rows]


def _firm(firm: Firm) -> str:
    return f"{firm.code.upper()} {words.own(firm, 'name')}"


def _instrument(instrument: Instrument) -> str:
    warehouse = words.own(instrument.warehouse, "name")
    unit = display.unit_name(instrument.unit)
    return f"{instrument.code} {words.own(instrument, 'name')} · {warehouse} · {unit}"
