"""Freezing a firm's money, and lifting it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange.models import Firm, Membership
from web import display, words
from web.forms.base import ActForm, NumberField
from web.forms.payments import RowForm


class FreezeForm(ActForm):
    """What to freeze, why, and on which document; no amount stops every payout."""

    firm = forms.ChoiceField(label=_("企业"))
    reason = forms.ChoiceField(label=_("原因"))
    document = forms.CharField(label=_("文书或工单编号"), max_length=120)
    amount = NumberField(
        label=_("冻结金额（元）"),
        decimals=2,
        required=False,
        help_text=_("不填则只停止出金，不冻结金额。"),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        members = Membership.objects.select_related("firm").order_by("firm__code")
        self.firms: dict[str, Firm] = {str(one.firm_id): one.firm for one in members}
        firm, reason = self.fields["firm"], self.fields["reason"]
        assert isinstance(firm, forms.ChoiceField)
        assert isinstance(reason, forms.ChoiceField)
        firm.choices = [(key, words.own(one, "name")) for key, one in self.firms.items()]
        reason.choices = [(key, _(word)) for key, word in words.FREEZE_REASONS.items()]

    def clean_amount(self) -> int:
        """Return the amount in fen; 0 if none was given."""
        text = self.cleaned_data["amount"]
        fen = display.to_fen(text) if text else 0
        if fen is None:
            raise forms.ValidationError("", code="NUMBER")
        return fen


class LiftForm(RowForm):
    """Which freeze to lift, on which document."""

    document = forms.CharField(label=_("解除依据"), max_length=120)
