"""What is done about a receipt: collected, split, frozen, pledged, stored longer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange.models import Instrument
from web import display, words
from web.forms.base import ActForm, NumberField
from web.forms.payments import RowForm


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


class SplitForm(CollectForm):
    """How much of a receipt its owner wants under a number of its own."""

    quantity = NumberField(label=_("拆出数量"), decimals=3)


class SignForm(ActForm):
    """Which transfer the keeper signs."""

    transfer = forms.CharField(max_length=60, widget=forms.HiddenInput({"id": False}))


class PartForm(ActForm):
    """How much of a receipt, in the instrument's unit; nothing typed is all that is free."""

    quantity = NumberField(
        label=_("数量"), decimals=3, required=False, help_text=_("不填则为全部可用数量。")
    )

    def __init__(self, instrument: Instrument, *args: Any, **options: Any) -> None:
        self.instrument = instrument
        super().__init__(*args, **options)

    def clean_quantity(self) -> int:
        """Return the quantity in lots; 0 for all."""
        text = self.cleaned_data["quantity"]
        lots = display.to_lots(text, self.instrument) if text else 0
        if lots is None:
            raise forms.ValidationError("", code="NUMBER")
        return lots


class FreezeGoodsForm(PartForm):
    """What to freeze, why, and on which document."""

    reason = forms.ChoiceField(label=_("原因"))
    document = forms.CharField(label=_("文书或工单编号"), max_length=120)
    field_order = ["reason", "document", "quantity"]

    def __init__(self, instrument: Instrument, *args: Any, **options: Any) -> None:
        super().__init__(instrument, *args, **options)
        self.fields["quantity"].help_text = _("不填则为合同未锁定的全部数量，包括已挂牌的。")
        reason = self.fields["reason"]
        assert isinstance(reason, forms.ChoiceField)
        reason.choices = [(key, _(word)) for key, word in words.HOLD_REASONS.items()]


class PledgeForm(PartForm):
    """A pledge as the keeper registers it."""

    pledgee = forms.CharField(label=_("质权人"), max_length=80)
    secured = NumberField(label=_("担保金额（元）"), decimals=2)
    document = forms.CharField(label=_("质押合同编号"), max_length=120)
    declaration = forms.ChoiceField(
        label=_("他处出质"),
        choices=[("", "—"), ("none", _("经核对，未在他处出质")), ("pledged", _("已在他处出质"))],
    )
    field_order = ["pledgee", "secured", "document", "quantity", "declaration"]

    def clean_secured(self) -> int:
        """Return the amount in fen."""
        fen = display.to_fen(self.cleaned_data["secured"])
        if fen is None:
            raise forms.ValidationError("", code="NUMBER")
        return fen


class ExtendForm(ActForm):
    """Until when a pile is stored, and on which document."""

    stored_until = forms.DateField(
        label=_("储存至"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    document = forms.CharField(label=_("续存协议编号"), max_length=120)


class DocumentForm(RowForm):
    """A hold, and the document on which it ends."""

    document = forms.CharField(max_length=120)


class AnswerForm(RowForm):
    """Yes or no about one hold."""

    agreed = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])


class ReleaseForm(RowForm):
    """The pledge whose entered consent the operator confirms."""
