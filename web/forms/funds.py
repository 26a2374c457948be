"""Deposits and withdrawals."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from web import display
from web.forms.base import ActForm, NumberField


class MovementForm(ActForm):
    """An amount in yuan, in or out."""

    act = forms.ChoiceField(choices=[("in", "in"), ("out", "out")], widget=forms.HiddenInput)
    amount = NumberField(label=_("金额（元）"), decimals=2)

    def clean_amount(self) -> int:
        """Return the amount in fen."""
        fen = display.to_fen(self.cleaned_data["amount"])
        if fen is None:
            raise forms.ValidationError("", code="NUMBER")
        return fen


class CheckForm(ActForm):
    """A second person's word on a withdrawal."""

    act = forms.ChoiceField(choices=[("check", "check")], widget=forms.HiddenInput)
    movement = forms.IntegerField(min_value=1, max_value=2**53, widget=forms.HiddenInput)
    agreed = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])
