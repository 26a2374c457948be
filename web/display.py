"""The only formatter: ticks, lots, fen and kg become text here and nowhere else.

Quantities are shown in what the trade counts in: tonnes, coils, batches, cartons. The engine's
lot never reaches a screen.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from exchange.models import Instrument

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
MINUS: Final = "−"


def price(ticks: int, tick_fen_per_t: int) -> str:
    """Return a price in yuan per tonne with the decimals that its tick needs."""
    fen = ticks * tick_fen_per_t
    if tick_fen_per_t % 100 == 0:
        return f"{fen // 100:,}"
    return f"{fen // 100:,}.{fen % 100:02d}"


def money(fen: int) -> str:
    """Return ¥148,554.24; a true minus sign for negative amounts."""
    sign = MINUS if fen < 0 else ""
    fen = abs(fen)
    return f"{sign}¥{fen // 100:,}.{fen % 100:02d}"


def standing(tenths: int, count: int) -> str:
    """Return an average mark in tenths and of how many ratings it is: 4.7 (12)."""
    return f"{tenths // 10}.{tenths % 10} ({count:,})"


def time_left(due: dt.datetime, now: dt.datetime) -> str:
    """Return how long it is to a deadline, or since: 还有 1 天 3 小时, 逾期 20 分钟.

    Whole minutes, rounded down: nobody is shown more time than there is.
    """
    is_over = now >= due
    minutes = (now - due if is_over else due - now) // dt.timedelta(minutes=1)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    if days:
        span = _("%(days)d 天 %(hours)d 小时") % {"days": days, "hours": hours}
    elif hours:
        span = _("%(hours)d 小时 %(minutes)d 分钟") % {"hours": hours, "minutes": minutes}
    else:
        span = _("%(minutes)d 分钟") % {"minutes": minutes}
    return (_("逾期 %(span)s") if is_over else _("还有 %(span)s")) % {"span": span}


def tonnes(kg: int) -> str:
    """Return a weight in tonnes, without zeros that say nothing."""
    whole, rest = divmod(kg, 1000)
    return f"{whole:,}" + (f".{rest:03d}".rstrip("0") if rest else "")


def unit_name(unit: str) -> str:
    """Return the name of what a quantity counts: 吨, 卷, 批 or 箱."""
    names = {
        "t": pgettext("unit", "吨"),
        "coil": pgettext("unit", "卷"),
        "batch": pgettext("unit", "批"),
        "carton": pgettext("unit", "箱"),
    }
    return names[unit]


def quantity(lots: int, instrument: Instrument) -> str:
    """Return a quantity with its unit: 200 吨, 3 卷."""
    return f"{amount(lots, instrument)} {unit_name(instrument.unit)}"


def amount(lots: int, instrument: Instrument) -> str:
    """Return a quantity as a number in the instrument's unit."""
    if instrument.unit == "t":
        return tonnes(lots * instrument.lot_kg)
    return f"{lots:,}"


def to_lots(text: str, instrument: Instrument) -> int | None:
    """Return what somebody typed, in the instrument's unit, as lots; None if it is no whole lot."""
    try:
        number = Decimal(text.strip().replace(",", ""))
    except ArithmeticError:
        return None
    if not number.is_finite():
        return None
    exact = number * 1000 / instrument.lot_kg if instrument.unit == "t" else number
    if exact != exact.to_integral_value() or not 0 < exact < 2**53:
        return None
    return int(exact)


def to_kg(text: str) -> int | None:
    """Return a weight in tonnes that somebody typed, in kg; None if it is none."""
    return to_lots(text, Instrument(unit="t", lot_kg=1))


def to_fen(text: str) -> int | None:
    """Return an amount in yuan that somebody typed, in fen; None if it is none."""
    try:
        number = Decimal(text.strip().replace(",", "")) * 100
    except ArithmeticError:
        return None
    if not number.is_finite() or number != number.to_integral_value():
        return None
    return int(number) if 0 < number < 2**53 else None


def basis_points(bp: int) -> str:
    """Return 600 basis points as 6%."""
    text = f"{bp // 100}.{bp % 100:02d}".rstrip("0").rstrip(".")
    return f"{text}%"


def day(number: int) -> str:
    """Return 20261123 as 2026-11-23; an empty text for no day."""
    if not number:
        return ""
    return f"{number // 10_000:04d}-{number // 100 % 100:02d}-{number % 100:02d}"


def moment(at: dt.datetime) -> str:
    """Return an instant on Shanghai's clock."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def precise(at: dt.datetime) -> str:
    """Return an instant on Shanghai's clock, to the microsecond that the journal keeps."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S.%f")


def basis_name(code: str) -> str:
    """Return the name of a delivery basis."""
    names = {
        "EX_WAREHOUSE": _("库提"),
        "DELIVERED": _("到厂"),
        "FOT": _("车板"),
        "FOB_PORT": _("港口船板"),
        "PORT_EX_YARD": _("港口场地"),
    }
    return names.get(code, code)


def mode_name(code: str) -> str:
    """Return the name of a trading mode."""
    return {"listed": _("挂牌摘牌"), "matched": _("电子撮合")}.get(code, code)


def instrument_data(instrument: Instrument, language: str) -> dict[str, Any]:
    """Return what a browser or a program must know of an instrument; integers in engine units."""
    english = language == "en"
    warehouse = instrument.warehouse
    place = warehouse.port_zh or warehouse.city_zh
    return {
        "id": instrument.pk,
        "code": instrument.code,
        "name": instrument.name_en if english else instrument.name_zh,
        "grade": instrument.grade_en if english else instrument.grade_zh,
        "category": instrument.commodity.category,
        "basis": instrument.basis,
        "basis_name": basis_name(instrument.basis),
        "warehouse": warehouse.name_en if english else warehouse.name_zh,
        "place": warehouse.code if english else place,
        "mode": instrument.mode,
        "unit": instrument.unit,
        "unit_name": unit_name(instrument.unit),
        "tick_fen_per_t": instrument.tick_fen_per_t,
        "lot_kg": instrument.lot_kg,
        "piece_max_kg": instrument.piece_max_kg,
        "min_lots": instrument.min_lots,
        "step_lots": instrument.step_lots,
        "max_lots": instrument.max_lots,
        "max_value_fen": instrument.max_value_fen,
        "buyer_fee_bp": instrument.buyer_fee_bp,
        "seller_fee_bp": instrument.seller_fee_bp,
        "cover_bp": instrument.cover_bp,
        "plus_tolerance_bp": instrument.plus_tolerance_bp,
        "vat_pct": instrument.vat_pct,
        "resale_rule": instrument.resale_rule,
        "approval": instrument.approval.number if instrument.approval else "",
    }


def plain(exact: Fraction, *, places: int = 6) -> str:
    """Return a number with as many decimals as it has, at most `places`."""
    text = (Decimal(exact.numerator) / exact.denominator).quantize(
        Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP
    )
    return f"{text:f}".rstrip("0").rstrip(".")


def signed(exact: Fraction, *, places: int = 6) -> str:
    """Return a number with its sign, a true minus for negative ones."""
    return (MINUS if exact < 0 else "+") + plain(abs(exact), places=places)
