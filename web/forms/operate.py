"""What the operator decides besides listing: halts, memberships, approvals."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange import reference
from exchange.models import User, Venue
from matching.limits import RATE_MOST
from web import words
from web.forms.base import ActForm, NumberField


class ConfirmedForm(ActForm):
    """A decision that stops somebody: the code typed again, so that no slip of a finger does it."""

    halted = forms.ChoiceField(choices=[("1", "1"), ("0", "0")], widget=forms.HiddenInput)
    confirmation = forms.CharField(label=_("请输入代码以确认"), max_length=20)

    def __init__(self, code: str, *args: Any, **options: Any) -> None:
        self.code = code.upper()
        super().__init__(*args, **options)
        self.fields["confirmation"].widget.attrs |= {
            "placeholder": self.code,
            "autocomplete": "off",
            "spellcheck": "false",
        }

    def clean(self) -> dict[str, Any]:
        """Compare what was typed with the code."""
        data = super().clean() or {}
        if data.get("confirmation", self.code).strip().upper() != self.code:
            self.refuse("CONFIRMATION", "confirmation")
        return data

    @property
    def wants_halt(self) -> bool:
        """Whether the decision is to stop, not to resume."""
        return str(self.cleaned_data["halted"]) == "1"


class HaltForm(ConfirmedForm):
    """A halt or a resumption, with its reason; the reason goes into the journal."""

    reason = forms.CharField(label=_("原因"), max_length=200)
    field_order = ["reason", "confirmation"]


class BanForm(HaltForm):
    """Who of a firm may enter nothing any more; 0 is everybody."""

    trader = forms.TypedChoiceField(label=_("范围"), coerce=int)
    field_order = ["trader", "reason", "confirmation"]

    def __init__(self, code: str, traders: list[User], *args: Any, **options: Any) -> None:
        super().__init__(code, *args, **options)
        field: Any = self.fields["trader"]
        field.choices = [(0, _("整个企业"))] + [(one.pk, one.username) for one in traders]


class BustForm(ActForm):
    """A trade to be undone, and why; the reason goes into the journal and to both parties."""

    trade = forms.IntegerField(label=_("成交号"), min_value=1, max_value=2**53)
    reason = forms.CharField(label=_("原因"), max_length=200)


class DecisionForm(ActForm):
    """The word of the second person."""

    row = forms.IntegerField(min_value=1, max_value=2**53, widget=forms.HiddenInput({"id": False}))
    agreed = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])


class LimitsForm(ActForm):
    """What a firm may enter a second and a day, and what becomes of orders that meet its own."""

    orders_per_s = forms.IntegerField(
        label=_("每秒委托数"), min_value=0, max_value=RATE_MOST, help_text=_("0 为不限。")
    )
    burst = forms.IntegerField(
        label=_("瞬时最多委托数"), min_value=0, max_value=RATE_MOST, help_text=_("0 为不限。")
    )
    day_value = NumberField(
        label=_("每日委托金额上限（元）"), decimals=2, help_text=_("0 为不限。")
    )
    self_match = forms.TypedChoiceField(
        label=_("遇到本集团委托时"), coerce=int, choices=list(words.SELF_MATCH.items())
    )
    reason = forms.CharField(
        label=_("原因"),
        max_length=200,
        required=False,
        help_text=_("放宽的须写明，并由另一人同意；收紧的立即生效。"),
    )


class ApprovalForm(ActForm):
    """A public authority's approval of two-sided matching."""

    number = forms.CharField(label=_("批准文号"), max_length=60)
    authority = forms.CharField(label=_("批准机关"), max_length=80)
    opinion = forms.CharField(label=_("法律意见书编号"), max_length=200)
    scope = forms.MultipleChoiceField(label=_("适用品种"), widget=forms.CheckboxSelectMultiple)
    valid_from = forms.DateField(
        label=_("生效日期"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    valid_to = forms.DateField(
        label=_("截止日期"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, venue: Venue, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        scope = self.fields["scope"]
        assert isinstance(scope, forms.MultipleChoiceField)
        scope.choices = [
            (one.code, words.own(one, "name")) for one in reference.venue_commodities(venue)
        ]


class ActivateForm(ActForm):
    """Nothing but the decision of the second person."""
