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
        place=warehouse.name_zh,
        stored_from=today,
        stored_until=today + dt.timedelta(days=_STORED_DAYS),
        issued_by=warehouse.name_zh,
        issued_place=warehouse.city_zh,
        issued_on=today,
        photos=(_photo(commodity.category, commodity.code),),
        is_unpledged=True,
        insurance=Insurance(
            f"{_MARK}财产保险", 1_000_000_00, today, today + dt.timedelta(days=_STORED_DAYS)
        ),
        produced_on=today - dt.timedelta(days=_MADE_BEFORE_DAYS) if spoils else None,
        certificate=certificate,
    )


@cache
def _photo(category: str, code: str) -> bytes:
    """Return a plain placeholder; nobody may take it for a photo of goods."""
    image = Image.new("RGB", (320, 240), _COLOURS.get(category, (90, 90, 90)))
    draw = ImageDraw.Draw(image)
    draw.rectangle([(20, 80), (300, 160)], fill=(20, 20, 20))
    draw.text((32, 88), "DEMO", font=ImageFont.load_default(32), fill=(243, 177, 60))
    draw.text((32, 128), code, font=ImageFont.load_default(18), fill=(232, 236, 242))
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


@cache
def _sheet(code: str) -> bytes:
    """Return a certificate of one page that says what it is: a placeholder."""
    text = f"BT /F1 28 Tf 60 760 Td (DEMO CERTIFICATE) Tj 0 -40 Td ({code}) Tj ET".encode("ascii")
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(parts) + 1, table)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(body))
    return body + start + end
