"""The terms of a new instrument, typed in people's units."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from exchange import reference, rulebook
from exchange.models import Approval, Instrument, TradingMode, Venue, Warehouse
from exchange.rulebook import InstrumentTerms, RuleError
from web import display, words
from web.forms.base import ActForm, NumberField

FIELD_OF: Final = {
    "tick_fen_per_t": "tick",
    "min_lots": "minimum",
    "step_lots": "step",
    "max_lots": "maximum",
    "max_value_fen": "max_value",
    "reference_ticks": "reference",
    "band_bp": "band",
    "buyer_fee_bp": "buyer_fee",
    "seller_fee_bp": "seller_fee",
    "plus_tolerance_bp": "tolerance",
    "cover_bp": "cover",
    "dynamic_bp": "dynamic",
    "max_day_lots": "max_day",
}
"""Where a rule's field is on the form, when it has another name there."""


class InstrumentForm(ActForm):
    """Everything that listing needs. `terms` is there after a valid `is_valid()`."""

    terms: InstrumentTerms

    commodity = forms.ChoiceField(label=_("品种"))
    warehouse = forms.ChoiceField(label=_("交收仓库"))
    mode = forms.ChoiceField(label=_("交易方式"))
    approval = forms.ChoiceField(
        label=_("批准记录"),
        required=False,
        help_text=_("电子撮合必填：须在有效期内、覆盖该品种、已由他人复核启用。"),
    )
    code = forms.RegexField(
        r"\A[A-Z0-9][A-Z0-9-]{1,19}\Z", label=_("商品代码"), max_length=20, strip=True
    )
    name_zh = forms.CharField(label=_("商品名称"), max_length=60)
    name_en = forms.CharField(label=_("英文名称"), max_length=80)
    grade_zh = forms.CharField(label=_("品级"), max_length=60)
    grade_en = forms.CharField(label=_("英文品级"), max_length=80)
    basis = forms.ChoiceField(label=_("交收价格条件"))
    unit = forms.ChoiceField(label=_("计量单位"))
    lot_kg = NumberField(label=_("最小计量（千克）"), decimals=0)
    tick = NumberField(label=_("最小变动价位（元/吨）"), decimals=2)
    reference = NumberField(label=_("参考价（元/吨）"), decimals=2)
    band = NumberField(label=_("涨跌幅限制（%）"), decimals=2)
    minimum = NumberField(label=_("最小数量"), decimals=3)
    step = NumberField(label=_("数量变动单位"), decimals=3)
    maximum = NumberField(label=_("单笔最大数量"), decimals=3)
    max_value = NumberField(label=_("单笔最大金额（元）"), decimals=2)
    buyer_fee = NumberField(label=_("买方交易费（%）"), decimals=2)
    seller_fee = NumberField(label=_("卖方交易费（%）"), decimals=2)
    dynamic = NumberField(
        label=_("波动中断（偏离最近成交价 %）"),
        decimals=2,
        help_text=_("仅用于电子撮合：超出即暂停撮合，转入集合竞价；0 为不设。"),
    )
    call_seconds = NumberField(label=_("中断后集合竞价（秒）"), decimals=0)
    max_day = NumberField(label=_("每企业每日最大数量"), decimals=3, help_text=_("0 为不限。"))
    resale_rule = forms.ChoiceField(
        label=_("买卖间隔（五个交易日）"),
        choices=list(words.RESALE_RULES.items()),
        help_text=_("国发〔2011〕38 号。只限所买仓单的，须有法律意见。"),
    )
    tolerance = NumberField(label=_("溢装幅度（%）"), decimals=2)
    delivery = forms.ChoiceField(
        label=_("交收方式"),
        choices=[("receipt", _("仓单过户")), ("acceptance", _("提货验收"))],
        help_text=_("仓单过户：成交即货款两讫。提货验收：付清、过磅、检验、结算、开票。"),
    )
    cover = NumberField(
        label=_("成交时付款（占货款 %）"),
        decimals=2,
        help_text=_("100 为全额；提货验收的商品可先付定金，余款按规则限期付清。"),
    )
    piece_min_kg = NumberField(label=_("单件最轻（千克）"), decimals=0)
    piece_max_kg = NumberField(
        label=_("单件最重（千克）"), decimals=0, help_text=_("每件重量不同的商品填写，其余填 0。")
    )

    def __init__(self, venue: Venue, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.venue = venue
        self.commodities = {one.code: one for one in reference.venue_commodities(venue)}
        self.warehouses = {one.code: one for one in Warehouse.objects.all()}
        self.approvals = {
            str(one.pk): one for one in Approval.objects.filter(activated_by__isnull=False)
        }
        units, modes = rulebook.UNITS, TradingMode.values
        bases = reference.fixture()["pricing_bases"]
        self._offer(
            "commodity", [(c, words.own(one, "name")) for c, one in self.commodities.items()]
        )
        self._offer(
            "warehouse", [(c, words.own(one, "name")) for c, one in self.warehouses.items()]
        )
        self._offer("mode", [(mode, display.mode_name(mode)) for mode in modes])
        self._offer("basis", [(code, display.basis_name(code)) for code in bases])
        self._offer("unit", [(unit, display.unit_name(unit)) for unit in units])
        self._offer(
            "approval", [("", "—"), *((key, one.number) for key, one in self.approvals.items())]
        )

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @classmethod
    def suggested(cls, venue: Venue, commodity: str, warehouse: str, mode: str) -> InstrumentForm:
        """Return a form filled with what the reference data says of a commodity.

        A warehouse that does not store the commodity gives way to the first that delivers it.
        """
        form = cls.fresh(venue)
        chosen = form.commodities.get(commodity) or next(iter(form.commodities.values()))
        places: list[str] = chosen.parameters["delivery"]["warehouses"]
        place = form.warehouses.get(warehouse)
        if place is None or chosen.category not in place.categories:
            place = form.warehouses[places[0]]
        wanted = TradingMode.MATCHED if mode == TradingMode.MATCHED else TradingMode.LISTED
        form.initial.update(_typed(rulebook.suggested_terms(chosen, place, wanted)))
        form.initial["code"] = _free_code(str(form.initial["code"]))
        covering = [key for key, one in form.approvals.items() if chosen.code in one.scope]
        if wanted == TradingMode.MATCHED and covering:
            form.initial["approval"] = covering[-1]
        return form

    def clean_code(self) -> str:
        """Return the code in capitals, as all codes are kept."""
        return str(self.cleaned_data["code"]).upper()

    def clean(self) -> dict[str, Any]:
        """Build the terms; each figure that cannot be one is refused at its field."""
        data = super().clean() or {}
        if self.errors:
            return data
        counted = Instrument(unit=data["unit"], lot_kg=int(data["lot_kg"]))
        if counted.lot_kg < 1:
            self.refuse("NUMBER", "lot_kg")
            return data
        figures: dict[str, int] = {}
        for field in ("minimum", "step", "maximum"):
            lots = display.to_lots(data[field], counted)
            if lots is None:
                self.refuse("NUMBER", field)
            figures[field] = lots or 0
        figures["max_day"] = 0
        if data["max_day"].strip("0.") != "":
            most = display.to_lots(data["max_day"], counted)
            if most is None:
                self.refuse("NUMBER", "max_day")
            figures["max_day"] = most or 0
        for field in ("tick", "reference", "max_value"):
            figures[field] = rulebook.yuan_to_fen(data[field])
        for field in ("band", "buyer_fee", "seller_fee", "tolerance", "cover", "dynamic"):
            figures[field] = rulebook.percent_to_bp(data[field])
        if not figures["tick"]:
            self.refuse("NUMBER", "tick")
        elif figures["reference"] % figures["tick"]:
            self.refuse("TICK", "reference")
        if self.errors:
            return data
        self.terms = self._terms(data, figures)
        return data

    def _terms(self, data: dict[str, Any], figures: dict[str, int]) -> InstrumentTerms:
        return InstrumentTerms(
            commodity=self.commodities[data["commodity"]],
            warehouse=self.warehouses[data["warehouse"]],
            code=data["code"],
            name_zh=data["name_zh"],
            name_en=data["name_en"],
            grade_zh=data["grade_zh"],
            grade_en=data["grade_en"],
            basis=data["basis"],
            unit=data["unit"],
            mode=data["mode"],
            tick_fen_per_t=figures["tick"],
            lot_kg=int(data["lot_kg"]),
            min_lots=figures["minimum"],
            step_lots=figures["step"],
            max_lots=figures["maximum"],
            max_value_fen=figures["max_value"],
            reference_ticks=figures["reference"] // figures["tick"],
            band_bp=figures["band"],
            buyer_fee_bp=figures["buyer_fee"],
            seller_fee_bp=figures["seller_fee"],
            plus_tolerance_bp=figures["tolerance"],
            piece_min_kg=int(data["piece_min_kg"]),
            piece_max_kg=int(data["piece_max_kg"]),
            approval=self.approvals.get(data["approval"]),
            cover_bp=figures["cover"],
            delivery=data["delivery"],
            dynamic_bp=figures["dynamic"],
            call_seconds=int(data["call_seconds"]),
            max_day_lots=figures["max_day"],
            resale_rule=data["resale_rule"],
        )

    def refuse_rule(self, error: RuleError) -> None:
        """Put a rule's refusal at the field that it names."""
        self.refuse(error.code, FIELD_OF.get(error.field, error.field) or None, error.values)


def earlier(terms: InstrumentTerms, operator_id: int) -> Instrument | None:
    """Return the instrument that the same operator has already listed with these very terms."""
    found = Instrument.objects.filter(code=terms.code, listed_by_id=operator_id).first()
    if found is None:
        return None
    approval_id = terms.approval.pk if terms.approval and terms.mode == "matched" else None
    if found.approval_id != approval_id:
        return None
    same = all(
        getattr(found, name) == getattr(terms, name)
        for name in InstrumentTerms.__slots__
        if name != "approval"
    )
    return found if same else None


def _free_code(code: str) -> str:
    """Return a code that no instrument of the venue has: the given one, or with a number behind."""
    taken = set(Instrument.objects.filter(code__startswith=code).values_list("code", flat=True))
    numbered = (f"{code}-{number}" for number in range(2, len(taken) + 2))
    return next((one for one in (code, *numbered) if one not in taken), code)


def _typed(terms: InstrumentTerms) -> dict[str, str]:
    """Return terms as a person would type them."""
    counted = Instrument(unit=terms.unit, lot_kg=terms.lot_kg)

    def plain(text: str) -> str:
        return text.replace(",", "")

    def percent(bp: int) -> str:
        return display.basis_points(bp).removesuffix("%")

    return {
        "commodity": terms.commodity.code,
        "warehouse": terms.warehouse.code,
        "mode": terms.mode,
        "code": terms.code,
        "name_zh": terms.name_zh,
        "name_en": terms.name_en,
        "grade_zh": terms.grade_zh,
        "grade_en": terms.grade_en,
        "basis": terms.basis,
        "unit": terms.unit,
        "lot_kg": str(terms.lot_kg),
        "tick": plain(display.price(1, terms.tick_fen_per_t)),
        "reference": plain(display.price(terms.reference_ticks, terms.tick_fen_per_t)),
        "band": percent(terms.band_bp),
        "minimum": plain(display.amount(terms.min_lots, counted)),
        "step": plain(display.amount(terms.step_lots, counted)),
        "maximum": plain(display.amount(terms.max_lots, counted)),
        "max_value": plain(display.price(terms.max_value_fen, 1)).removesuffix(".00"),
        "buyer_fee": percent(terms.buyer_fee_bp),
        "seller_fee": percent(terms.seller_fee_bp),
        "tolerance": percent(terms.plus_tolerance_bp),
        "delivery": str(terms.delivery),
        "cover": percent(terms.cover_bp),
        "dynamic": percent(terms.dynamic_bp),
        "call_seconds": str(terms.call_seconds),
        "max_day": plain(display.amount(terms.max_day_lots, counted)),
        "resale_rule": str(terms.resale_rule),
        "piece_min_kg": str(terms.piece_min_kg),
        "piece_max_kg": str(terms.piece_max_kg),
    }
