"""A firm's own account, and what the clerk decides about money."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from exchange.models import Firm, Membership
from web import words
from web.forms.base import ActForm


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
    """Whose money it is; nobody's means that the bank has sent it back."""

    firm = forms.ChoiceField(label=_("归属企业"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        members = Membership.objects.select_related("firm").order_by("firm__code")
        self.firms: dict[str, Firm] = {str(one.firm_id): one.firm for one in members}
        choices: list[tuple[str, Any]] = [("", _("已由银行退回"))]
        choices += [(key, words.own(firm, "name")) for key, firm in self.firms.items()]
        field: Any = self.fields["firm"]
        field.choices = choices

    @property
    def owner(self) -> Firm | None:
        """Return the chosen firm."""
        return self.firms.get(self.cleaned_data["firm"])


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


class BankForm(ActForm):
    """How the bank wants its files; the layout as JSON."""

    fault = ""
    payer_account = forms.CharField(label=_("付款账号"), max_length=64)
    layout = forms.JSONField(
        label=_("文件格式（JSON）"), widget=forms.Textarea({"rows": 16, "spellcheck": "false"})
    )
