"""What people fill in on a contract's page, one small form an act."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from settlement.limits import RECEIPT_FILE_BYTES
from settlement.models import Obligation
from settlement.quality.assess import Pieces
from settlement.quality.rules import RuleSet
from web import display
from web.forms.base import ActForm, NumberField
from web.forms.quality import PREFIX, attribute_fields


class ContractForm(ActForm):
    """The base: a form of one contract."""

    def __init__(self, contract: Obligation, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.contract = contract

    def fen(self, name: str) -> int:
        """Return an amount field's value in fen."""
        return display.to_fen(self.cleaned_data[name]) or 0

    def kg(self, name: str) -> int:
        """Return a weight field's value, typed in tonnes, in kg."""
        return display.to_kg(self.cleaned_data[name]) or 0


class ReasonForm(ContractForm):
    """A sentence that the other side and the umpire will read."""

    reason = forms.CharField(
        label=_("理由"), max_length=400, widget=forms.Textarea({"rows": 2, "maxlength": 400})
    )


class ExhibitForm(ContractForm):
    """A file of evidence, and what it shows."""

    file = forms.FileField(
        label=_("文件"),
        help_text=_(
            "JPEG、PNG 或 PDF，不超过 8 MB；照片只保留画面，请自存原件。提交后双方可见，不能撤回。"
        ),
        widget=forms.FileInput({"accept": "application/pdf,image/jpeg,image/png"}),
    )
    description = forms.CharField(label=_("证明内容"), max_length=200)

    def clean_file(self) -> UploadedFile[Any]:
        """Return the file, within the bound of one."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > RECEIPT_FILE_BYTES:
            raise forms.ValidationError("", code="FILE_SIZE")
        return file


class DisputeForm(ReasonForm):
    """Weight or quality, and why."""

    what = forms.ChoiceField(
        label=_("异议事项"), choices=[("weight", _("重量")), ("quality", _("质量"))]
    )
    field_order = ("what", "reason")


class WeighForm(ContractForm):
    """A vehicle over the scale."""

    code = forms.CharField(label=_("提货码"), max_length=12)
    plate = forms.CharField(label=_("车号或船名"), max_length=20)
    gross = NumberField(label=_("毛重（吨）"), decimals=3)
    tare = NumberField(label=_("皮重（吨）"), decimals=3)

    def __init__(self, contract: Obligation, rules: RuleSet, *args: Any, **options: Any) -> None:
        super().__init__(contract, *args, **options)
        if not rules.is_theoretical:
            return
        sizes = [(size, f"Φ{size}") for size in rules.kg_per_m]
        self.fields[PREFIX + "dia_mm"] = forms.ChoiceField(
            label=_("公称直径（毫米）"), choices=sizes
        )
        self.fields[PREFIX + "length_m"] = (
            forms.ChoiceField(
                label=_("定尺（米）"), choices=[(length, length) for length in rules.lengths]
            )
            if rules.lengths
            else NumberField(label=_("定尺（米）"), decimals=3, max_length=8)
        )
        self.fields[PREFIX + "pieces"] = NumberField(label=_("根数"), decimals=0, max_length=7)

    def pieces(self) -> Pieces | None:
        """Return the bars that were counted; None where the scale's weight is paid."""
        if PREFIX + "pieces" not in self.fields:
            return None
        said = self.cleaned_data
        return Pieces(
            said[PREFIX + "dia_mm"], said[PREFIX + "length_m"], int(said[PREFIX + "pieces"])
        )


class InspectForm(ContractForm):
    """A certificate's number, agency and values."""

    certificate = forms.CharField(label=_("证书编号"), max_length=40)
    agency = forms.CharField(label=_("检验机构"), max_length=60)
    ticket = forms.ChoiceField(label=_("适用磅单"))

    def __init__(
        self, contract: Obligation, rules: RuleSet, units: dict[str, str], *args: Any, **more: Any
    ) -> None:
        super().__init__(contract, *args, **more)
        tickets = contract.tickets.filter(replaced=False).order_by("number")
        ticket = self.fields["ticket"]
        assert isinstance(ticket, forms.ChoiceField)
        whole = [] if contract.state == "delivering" else [("0", _("全部"))]
        ticket.choices = [*whole, *[(str(t.number), f"{t.number} · {t.plate}") for t in tickets]]
        self.fields |= attribute_fields(rules, units)

    def measured(self) -> dict[str, str]:
        """Return the values by attribute."""
        return {
            name.removeprefix(PREFIX): value
            for name, value in self.cleaned_data.items()
            if name.startswith(PREFIX) and value
        }


class TicketForm(ContractForm):
    """One of the contract's tickets."""

    ticket = forms.ChoiceField(label=_("磅单"))

    def __init__(
        self, contract: Obligation, numbers: list[int], *args: Any, **options: Any
    ) -> None:
        super().__init__(contract, *args, **options)
        ticket = self.fields["ticket"]
        assert isinstance(ticket, forms.ChoiceField)
        ticket.choices = [(str(number), str(number)) for number in numbers]


class DecideWeightForm(TicketForm):
    """The weight that a check weighing found."""

    net = NumberField(label=_("复磅净重（吨）"), decimals=3)


class ExcessForm(ContractForm):
    """Whether the buyer takes what is beyond the tolerance."""

    refused = forms.ChoiceField(
        label=_("超出溢短装幅度的部分"),
        choices=[("yes", _("拒收超出部分")), ("no", _("按合同价接收"))],
    )


class AgreeForm(ContractForm):
    """The statement that was read, by its digest."""

    sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)


class ObjectForm(ReasonForm):
    """How much of the statement is in dispute, and why."""

    amount = NumberField(label=_("争议金额（元）"), decimals=2)
    field_order = ("amount", "reason")


class InvoiceForm(ContractForm):
    """What the invoice says."""

    number = forms.CharField(label=_("发票号码"), max_length=20)
    gross = NumberField(label=_("价税合计（元）"), decimals=2)
    vat = NumberField(label=_("税额（元）"), decimals=2)
    weight = NumberField(label=_("数量（吨）"), decimals=3)


class AnswerForm(ContractForm):
    """Whether the buyer takes the invoice."""

    accepted = forms.ChoiceField(
        label=_("发票"), choices=[("yes", _("核对无误，接受")), ("no", _("退回"))]
    )
    reason = forms.CharField(label=_("退回理由"), max_length=200, required=False)


class RedForm(ContractForm):
    """The red-letter invoice that undoes a rejected one."""

    number = forms.CharField(label=_("红字发票号码"), max_length=20)


class RemedyForm(ContractForm):
    """Penalty or earnest money: one of them."""

    remedy = forms.ChoiceField(label=_("救济方式"))

    def __init__(
        self, contract: Obligation, amounts: dict[str, int], *args: Any, **options: Any
    ) -> None:
        super().__init__(contract, *args, **options)
        names = {"penalty": _("违约金"), "earnest": _("定金罚则")}
        remedy = self.fields["remedy"]
        assert isinstance(remedy, forms.ChoiceField)
        remedy.choices = [
            (name, f"{names[name]} {display.money(fen)}") for name, fen in amounts.items()
        ]


class OfferForm(ContractForm):
    """What the seller should get of the disputed money."""

    amount = NumberField(label=_("争议款中归卖方（元）"), decimals=2)


class CourtForm(ContractForm):
    """Where the dispute has gone, by which paper."""

    forum = forms.ChoiceField(
        label=_("受理机构"), choices=[("arbitration", _("仲裁")), ("court", _("法院"))]
    )
    document = forms.CharField(label=_("受理文书号"), max_length=120)


class AwardForm(OfferForm):
    """What an arbitrator or a court has ruled, by which paper."""

    document = forms.CharField(label=_("裁决文书号"), max_length=120)


class CutForm(ReasonForm):
    """A lower value than the statement's, and why."""

    value = NumberField(label=_("减价后的结算金额（元，含税）"), decimals=2)
    field_order = ("value", "reason")


class ReplaceForm(ReasonForm):
    """Within how many days the seller is to replace what was refused, and why."""

    days = NumberField(label=_("换货期限（天，自对方接受起）"), decimals=0, max_length=3)
    field_order = ("days", "reason")


class TakeReplacementForm(ContractForm):
    """The replacement that was read: its days, and the weight in kg."""

    days = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    refused_kg = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class TakeForm(ContractForm):
    """The proposed value that was read, in fen."""

    value_fen = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


_MARKS = [
    ("", "—"), ("5", _("5 很好")), ("4", _("4 较好")), ("3", _("3 一般")), ("2", _("2 较差")),
    ("1", _("1 很差")),
]  # fmt: skip


class RateForm(ContractForm):
    """Marks for the other party, and what there is to add."""

    punctuality = forms.ChoiceField(label=_("守时"), choices=_MARKS)
    quality = forms.ChoiceField(label=_("质量与约定相符"), choices=_MARKS)
    documents = forms.ChoiceField(label=_("单证齐全"), choices=_MARKS)
    text = forms.CharField(
        label=_("补充说明"),
        max_length=200,
        required=False,
        widget=forms.Textarea({"rows": 2, "maxlength": 200}),
        help_text=_("提交后不能更改。双方都已评价或合同了结满七日后，双方才能看到。"),
    )


class DecideForm(OfferForm):
    """The panel's decision."""

    reason = forms.CharField(
        label=_("裁决理由"), max_length=400, widget=forms.Textarea({"rows": 2, "maxlength": 400})
    )
