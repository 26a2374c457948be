"""Papers of the demo's goods: invented, and every photo and certificate says so."""

from __future__ import annotations

import datetime as dt
import io
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from exchange.models import Firm, Instrument
from settlement import receipt_papers, shelf_life
from settlement.receipt_papers import Certificate, Insurance, Papers

_MARK: Final = "演示"
_STORED_DAYS: Final = 365
_MADE_BEFORE_DAYS: Final = 30
_PACKING: Final = {
    "coal": "散装", "grain": "散装", "steel": "裸装", "cotton": "棉布包", "seafood": "纸箱",
}  # fmt: skip
_COLOURS: Final = {
    "coal": (38, 38, 42), "steel": (96, 110, 125), "grain": (196, 160, 84),
    "cotton": (214, 214, 206), "seafood": (70, 120, 150),
}  # fmt: skip


def papers(firm: Firm, instrument: Instrument, today: dt.date) -> Papers:
    """Return what the demo's keeper states about a pile of an instrument."""
    commodity, warehouse = instrument.commodity, instrument.warehouse
    certificate = None
    if receipt_papers.needs_certificate(commodity):
        certificate = Certificate(
            f"{_MARK}-{commodity.code}", f"{_MARK}检验机构", today, None, _sheet(commodity.code)
        )
    spoils = shelf_life.months(commodity.parameters) is not None
    return Papers(
        depositor_address=f"{warehouse.city_zh}（{_MARK}地址）",
        packing=_PACKING.get(commodity.category, "散装"),
        pieces=1 if instrument.piece_max_kg else 0,
        marks=_MARK,
        place=f"{warehouse.city_zh}{warehouse.name_zh}",
        stored_from=today,
        stored_until=today + dt.timedelta(days=_STORED_DAYS),
        issued_by=warehouse.name_zh,
        issued_place=warehouse.city_zh,
        issued_on=today,
        photos=tuple(_photo(commodity.category, commodity.code, n) for n in (1, 2)),
        is_unpledged=True,
        insurance=Insurance(
            f"{_MARK}财产保险", 1_000_000_00, today, today + dt.timedelta(days=_STORED_DAYS)
        ),
        produced_on=today - dt.timedelta(days=_MADE_BEFORE_DAYS) if spoils else None,
        certificate=certificate,
    )


@cache
def _photo(category: str, code: str, number: int) -> bytes:
    """Return a plain placeholder; nobody may take it for a photo of goods."""
    image = Image.new("RGB", (640, 480), _COLOURS.get(category, (90, 90, 90)))
    draw = ImageDraw.Draw(image)
    for step in range(-480, 640, 48):
        draw.line([(step, 480), (step + 480, 0)], fill=(128, 128, 128), width=2)
    draw.rectangle([(40, 170), (600, 310)], fill=(20, 20, 20))
    draw.text((70, 190), "DEMO", font=ImageFont.load_default(64), fill=(243, 177, 60))
    draw.text((290, 210), f"{code} {number}", font=ImageFont.load_default(32), fill=(232, 236, 242))
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


@cache
def _sheet(code: str) -> bytes:
    """Return a placeholder of a certificate, as a picture."""
    image = Image.new("RGB", (620, 877), (250, 250, 246))
    draw = ImageDraw.Draw(image)
    draw.rectangle([(20, 20), (600, 857)], outline=(120, 120, 120), width=3)
    draw.text((60, 80), "DEMO CERTIFICATE", font=ImageFont.load_default(44), fill=(150, 40, 40))
    draw.text((60, 160), code, font=ImageFont.load_default(36), fill=(30, 30, 30))
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()
