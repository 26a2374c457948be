"""Goods into the store: what they are, what the law wants said of them, and their pictures."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exchange.models import Firm, Instrument, Membership, MembershipStatus
from exchange.queries import listed_instruments
from settlement.limits import RECEIPT_FILE_BYTES, RECEIPT_PHOTOS
from settlement.receipt_papers import Certificate, Insurance, Papers
from web import display, words
from web.forms.base import ActForm, NumberField

_PICTURES: Final = "image/jpeg,image/png"


class _Several(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class PhotosField(forms.FileField):
    """Several files at once; each within the bound of one."""

    widget = _Several

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """Return the files."""
        files = [super(PhotosField, self).clean(one, initial) for one in data or [None]]
        if len(files) > RECEIPT_PHOTOS:
            raise forms.ValidationError("", code="PHOTOS")
        for one in files:
            _check_size(one)
        return files


def _check_size(file: UploadedFile[Any]) -> None:
    if (file.size or 0) > RECEIPT_FILE_BYTES:
        raise forms.ValidationError("", code="FILE_SIZE")


def _day(label: Any, *, required: bool = True, help_text: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )


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
    depositor_address = forms.CharField(label=_("存货人住所"), max_length=120)
    packing = forms.CharField(label=_("包装"), max_length=40)
    pieces = NumberField(label=_("件数"), decimals=0, required=False, help_text=_("散装货物不填。"))
    marks = forms.CharField(label=_("标记"), max_length=80, required=False)
    produced_on = _day(
        _("生产、捕捞或收获日期"),
        required=False,
        help_text=_("有保质期的商品必填；剩余保质期不足三分之一的不能登记。"),
    )
    place = forms.CharField(label=_("储存场所"), max_length=120)
    stored_from = _day(_("储存自"))
    stored_until = _day(_("储存至"))
    insurer = forms.CharField(
        label=_("保险人"), max_length=80, required=False, help_text=_("未投保的，四项都不填。")
    )
    insured = NumberField(label=_("保险金额（元）"), decimals=2, required=False)
    insured_from = _day(_("保险自"), required=False)
    insured_until = _day(_("保险至"), required=False)
    issued_by = forms.CharField(label=_("填发人"), max_length=80)
    issued_place = forms.CharField(label=_("填发地"), max_length=80)
    issued_on = _day(_("填发日期"))
    declaration = forms.ChoiceField(
        label=_("出质情况"),
        choices=[("", "—"), ("none", _("经核对，未在他处出质")), ("pledged", _("已在他处出质"))],
    )
    photos = PhotosField(
        label=_("货物照片"),
        help_text=_("1 至 8 张 JPEG 或 PNG，每张不超过 8 MB；拍摄地点等附加信息不予保存。"),
    )
    certificate_number = forms.CharField(
        label=_("质检证书编号"),
        max_length=60,
        required=False,
        help_text=_("粮食、棉花、水产品必须有质检证书。"),
    )
    certificate_body = forms.CharField(label=_("出证机构"), max_length=80, required=False)
    certificate_issued_on = _day(_("出证日期"), required=False)
    certificate_valid_until = _day(
        _("证书有效期至"), required=False, help_text=_("没有期限的不填。")
    )
    certificate = forms.FileField(
        label=_("质检证书"),
        required=False,
        help_text=_("PDF、JPEG 或 PNG，不超过 8 MB。"),
        widget=forms.FileInput({"accept": f"application/pdf,{_PICTURES}"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["photos"].widget.attrs["accept"] = _PICTURES
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

    @classmethod
    def fresh(cls, *args: Any, **initial: Any) -> Any:
        """Return an empty form of today."""
        today = timezone.localdate()
        return super().fresh(*args, stored_from=today, issued_on=today, **initial)

    def clean_certificate(self) -> UploadedFile[Any] | None:
        """Return the certificate, within the bound of one file."""
        file: UploadedFile[Any] | None = self.cleaned_data["certificate"]
        if file is not None:
            _check_size(file)
        return file

    def clean(self) -> dict[str, Any]:
        """Turn quantity into lots, weight into kg, and the rest into papers."""
        data = super().clean() or {}
        self._clean_quantity(data)
        insurance = self._insurance(data)
        certificate = self._certificate(data)
        if not self.errors:
            data["papers"] = self._papers(data, insurance, certificate)
        return data

    def _clean_quantity(self, data: dict[str, Any]) -> None:
        instrument = self.instruments.get(data.get("instrument", ""))
        if instrument is None or "quantity" not in data or "weight" not in data:
            return
        lots = display.to_lots(data["quantity"], instrument)
        if lots is None:
            self.add_error("quantity", forms.ValidationError("", code="NUMBER"))
            return
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

    def _whole(self, data: dict[str, Any], names: tuple[str, ...]) -> bool:
        """Say whether all of these were given; of some the others are missing."""
        if not any(data.get(name) for name in names):
            return False
        missing = [name for name in names if not data.get(name) and name not in self.errors]
        for name in missing:
            self.add_error(name, forms.ValidationError("", code="required"))
        return all(data.get(name) for name in names)

    def _insurance(self, data: dict[str, Any]) -> Insurance | None:
        if not self._whole(data, ("insurer", "insured", "insured_from", "insured_until")):
            return None
        fen = display.to_fen(data["insured"])
        if fen is None:
            self.add_error("insured", forms.ValidationError("", code="NUMBER"))
            return None
        return Insurance(data["insurer"], fen, data["insured_from"], data["insured_until"])

    def _certificate(self, data: dict[str, Any]) -> Certificate | None:
        names = ("certificate_number", "certificate_body", "certificate_issued_on", "certificate")
        if not self._whole(data, names):
            return None
        until: dt.date | None = data.get("certificate_valid_until")
        return Certificate(
            data["certificate_number"],
            data["certificate_body"],
            data["certificate_issued_on"],
            until,
            data["certificate"].read(),
        )

    def _papers(
        self, data: dict[str, Any], insurance: Insurance | None, certificate: Certificate | None
    ) -> Papers:
        return Papers(
            depositor_address=data["depositor_address"],
            packing=data["packing"],
            pieces=int(data["pieces"] or 0),
            marks=data["marks"],
            place=data["place"],
            stored_from=data["stored_from"],
            stored_until=data["stored_until"],
            issued_by=data["issued_by"],
            issued_place=data["issued_place"],
            issued_on=data["issued_on"],
            photos=tuple(one.read() for one in data["photos"]),
            is_unpledged=data["declaration"] == "none",
            insurance=insurance,
            produced_on=data["produced_on"],
            certificate=certificate,
        )


def _choices(field: forms.Field, rows: list[tuple[str, str]]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = [("", "—"), *rows]


def _firm(firm: Firm) -> str:
    return f"{firm.code.upper()} {words.own(firm, 'name')}"


def _instrument(instrument: Instrument) -> str:
    warehouse = words.own(instrument.warehouse, "name")
    unit = display.unit_name(instrument.unit)
    return f"{instrument.code} {words.own(instrument, 'name')} · {warehouse} · {unit}"
