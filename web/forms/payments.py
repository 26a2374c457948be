"""A firm's own account, and what the clerk decides about money."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from exchange.models import Firm, Membership
from web import display, words
from web.forms.base import ActForm, NumberField


class AccountForm(ActForm):
    """The account that a firm is paid to."""

    payout = forms.CharField(
        label=_("收款账号"),
        max_length=64,
        validators=[RegexValidator(r"\A[0-9A-Za-z_-]{4,64}\Z", code="INVALID")],
    )
    bank_code = forms.CharField(
        label=_("开户行行号"),
        max_length=32,
        required=False,
        validators=[RegexValidator(r"\A[0-9A-Za-z]{0,32}\Z", code="INVALID")],
    )


class RowForm(ActForm):
    """One row that something is done about."""

    row = forms.IntegerField(min_value=1, max_value=2**53, widget=forms.HiddenInput({"id": False}))


class WordForm(RowForm):
    """Yes or no about one row."""

    agreed = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])


class NoteForm(RowForm):
    """What a person has found out about one row."""

    note = forms.CharField(label=_("说明"), max_length=200)


class ItemForm(NoteForm):
    """Whose money it is."""

    firm = forms.ChoiceField(label=_("归属企业"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        members = Membership.objects.select_related("firm").order_by("firm__code")
        self.firms: dict[str, Firm] = {str(one.firm_id): one.firm for one in members}
        choices: list[tuple[str, Any]] = [("", _("选择归属企业"))]
        choices += [(key, words.own(firm, "name")) for key, firm in self.firms.items()]
        field: Any = self.fields["firm"]
        field.choices = choices

    @property
    def owner(self) -> Firm:
        """Return the chosen firm."""
        return self.firms[self.cleaned_data["firm"]]


class FoundForm(NoteForm):
    """What became of an operation that nobody could tell; `note` is the rail's reference."""

    agreed = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])


class UploadForm(ActForm):
    """A file that the bank has sent."""

    fault = ""
    kind = forms.ChoiceField(
        label=_("文件类别"), choices=[("replies", _("回单文件")), ("statement", _("对账文件"))]
    )
    file = forms.FileField(label=_("文件"), max_length=200)


class _Indented(json.JSONEncoder):
    """JSON that a person can read and change."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"indent": 1}))


class BankForm(ActForm):
    """How the bank wants its files; the layout as JSON."""

    fault = ""
    payer_account = forms.CharField(label=_("付款账号"), max_length=64)
    clearing_account = forms.CharField(
        label=_("清算户账号"),
        max_length=64,
        required=False,
        help_text=_("日终轧差的款项先缴入此户，再由此户划出；批次完成时余额为零。"),
    )
    fees_account = forms.CharField(label=_("经营者账户账号"), max_length=64, required=False)
    layout = forms.JSONField(
        label=_("文件格式（JSON）"),
        encoder=_Indented,
        widget=forms.Textarea({"rows": 16, "spellcheck": "false"}),
    )


class ConfirmForm(ActForm):
    """Something that goes to the bank: whoever sends it says that it was looked at."""

    confirm = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """Refuse what was not confirmed."""
        data = super().clean() or {}
        if not data.get("confirm"):
            self.refuse("CONFIRM", "confirm")
        return data


class AgainForm(ConfirmForm):
    """A refused pay-out of a firm, 0 for the operator, asked for anew."""

    firm = forms.IntegerField(min_value=0, max_value=2**53)


class CutOffForm(ActForm):
    """When the day is cut off; empty for never."""

    cut_off = forms.TimeField(
        label=_("每日截止时间"),
        required=False,
        input_formats=["%H:%M"],
        widget=forms.TimeInput({"placeholder": "17:00", "maxlength": 5}, format="%H:%M"),
    )


class NettingForm(ConfirmForm):
    """A batch of bank legs; for each firm that cannot pay in all, how much it can."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for one in Membership.objects.select_related("firm").order_by("firm__code"):
            name = f"fund_{one.firm_id}"
            self.fields[name] = NumberField(
                label=words.own(one.firm, "name"), decimals=2, required=False
            )

    def clean(self) -> dict[str, Any]:
        """Turn yuan into fen."""
        data = super().clean() or {}
        for name, text in list(data.items()):
            if name.startswith("fund_") and text:
                fen = 0 if text.strip("0.") == "" else display.to_fen(text)
                if fen is None:
                    self.add_error(name, forms.ValidationError("", code="NUMBER"))
                data[name] = fen
        return data

    def funding(self) -> dict[int, int]:
        """Return fen by firm, of those that were named."""
        return {
            int(name.removeprefix("fund_")): fen
            for name, fen in self.cleaned_data.items()
            if name.startswith("fund_") and fen != ""
        }
