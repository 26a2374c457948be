"""What the operator decides besides listing: halts, memberships, approvals."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange import reference
from exchange.models import Venue
from web import words
from web.forms.base import ActForm


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
