"""What is written about goods at their registration: eight statutory fields, photos, certificate.

民法典 art. 909 names what a warehouse receipt states. Which goods need a certificate follows from
the commodity: grain (粮食流通管理条例 art. 17, RULEBOOK C31), cotton (棉花条例, RULEBOOK C32) and
food from the sea (食品安全法, C33), and whatever has a `cert_no` among its attributes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from exchange import trading_days
from exchange.models import Commodity, Firm, Venue
from matching.units import Fen
from settlement import receipt_files, shelf_life
from settlement.limits import (
    FUNDS_MOST_FEN,
    PIECES_MOST,
    RECEIPT_PHOTOS,
    STORAGE_DAYS_MOST,
)
from settlement.models import Receipt, ReceiptFile, ReceiptFileKind, ReceiptPaper
from settlement.receipt_files import Checked
from settlement.storage import Terms

CERTIFIED: Final = frozenset({"grain", "cotton", "seafood"})
"""Categories of goods that are registered with a quality certificate only."""


class PaperError(Exception):
    """Papers were refused before anything was written; `field` is the one to blame."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code, field)
        self.code = code
        self.field = field


@dataclass(frozen=True, slots=True)
class Insurance:
    """Who insures the goods, for how much and how long."""

    insurer: str
    amount_fen: Fen
    since: dt.date
    until: dt.date


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quality certificate; `valid_until` None for one that does not end."""

    number: str
    body: str
    issued_on: dt.date
    valid_until: dt.date | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Papers:
    """What the keeper states about a pile. `pieces` 0 is in bulk; files are bytes as uploaded.

    `is_unpledged` is the keeper's declaration that the pile is pledged nowhere (C22).
    """

    depositor_address: str
    packing: str
    pieces: int
    place: str
    stored_from: dt.date
    stored_until: dt.date
    issued_by: str
    issued_place: str
    issued_on: dt.date
    photos: tuple[bytes, ...]
    is_unpledged: bool
    marks: str = ""
    insurance: Insurance | None = None
    produced_on: dt.date | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """The files of papers, looked into and ready to be kept."""

    photos: list[Checked] = field(default_factory=list)
    certificate: Checked | None = None


def needs_certificate(commodity: Commodity) -> bool:
    """Say whether goods of a commodity are registered with a quality certificate only."""
    attributes = commodity.parameters.get("attributes", [])
    return commodity.category in CERTIFIED or any(
        one["code"] == "cert_no" and one.get("base") == "required" for one in attributes
    )


def check(papers: Papers, commodity: Commodity, *, now: dt.datetime) -> Files:
    """Return the files to keep, or raise `PaperError` for the first thing that is wrong.

    Nothing is written: reading and re-encoding pictures takes time, which no transaction waits for.
    """
    today = now.astimezone(trading_days.SHANGHAI).date()
    for name in ("depositor_address", "packing", "place", "issued_by", "issued_place"):
        if not getattr(papers, name).strip():
            raise PaperError("REQUIRED", name)
    if not 0 <= papers.pieces <= PIECES_MOST:
        raise PaperError("AMOUNT", "pieces")
    if not papers.is_unpledged:
        raise PaperError("PLEDGED_ELSEWHERE", "is_unpledged")
    if papers.stored_from > today:
        raise PaperError("FUTURE", "stored_from")
    if papers.issued_on > today:
        raise PaperError("FUTURE", "issued_on")
    days = (papers.stored_until - papers.stored_from).days
    if papers.stored_until <= today or days > STORAGE_DAYS_MOST:
        raise PaperError("STORAGE_PERIOD", "stored_until")
    _check_insurance(papers.insurance)
    code = shelf_life.refusal(commodity.parameters, papers.produced_on, today=today)
    if code:
        raise PaperError(code, "produced_on")
    return Files(_photos(papers), _certificate(papers, commodity, today))


def write(papers: Papers, files: Files, receipt: Receipt, *, venue: Venue, firm: Firm) -> None:
    """Write the papers of a new root receipt, in the transaction that registers it."""
    commodity = receipt.instrument.commodity
    terms = Terms.read(commodity.parameters)
    best_before = shelf_life.best_before(commodity.parameters, papers.produced_on)
    insurance, stated = papers.insurance, papers.certificate
    ReceiptPaper.objects.create(
        venue=venue,
        receipt=receipt,
        depositor=firm,
        depositor_address=papers.depositor_address.strip(),
        packing=papers.packing.strip(),
        pieces=papers.pieces,
        marks=papers.marks.strip(),
        loss_pct=f"{terms.natural_loss_pct:f}",
        fee_yuan_per_t_day=f"{terms.fee_yuan_per_t_day:f}",
        place=papers.place.strip(),
        stored_from=papers.stored_from,
        stored_until=papers.stored_until,
        insurer=insurance.insurer.strip() if insurance else "",
        insured_fen=insurance.amount_fen if insurance else 0,
        insured_from=insurance.since if insurance else None,
        insured_until=insurance.until if insurance else None,
        issued_by=papers.issued_by.strip(),
        issued_place=papers.issued_place.strip(),
        issued_on=papers.issued_on,
        produced_on=papers.produced_on,
        best_before=best_before,
        expires_on=shelf_life.expires_on(papers.stored_until, best_before),
        certificate_number=stated.number.strip() if stated else "",
        certificate_body=stated.body.strip() if stated else "",
        certificate_issued_on=stated.issued_on if stated else None,
        certificate_valid_until=stated.valid_until if stated else None,
    )
    kept = [(ReceiptFileKind.PHOTO, n, one) for n, one in enumerate(files.photos, start=1)]
    if files.certificate is not None:
        kept.append((ReceiptFileKind.CERTIFICATE, 1, files.certificate))
    for kind, position, one in kept:
        ReceiptFile.objects.create(
            venue=venue,
            receipt=receipt,
            kind=kind,
            position=position,
            sha256=one.sha256,
            media_type=one.media_type,
            size_bytes=len(one.body),
        )


def keep(files: Files, venue: Venue) -> None:
    """Write the files to disk; before their rows, so that no row ever names a missing file."""
    for one in files.photos:
        receipt_files.keep(venue.code, one)
    if files.certificate is not None:
        receipt_files.keep(venue.code, files.certificate)


def of(receipt: Receipt) -> ReceiptPaper | None:
    """Return the papers of a receipt's pile; None for one registered before there were any."""
    return (
        ReceiptPaper.objects.select_related("depositor").filter(receipt_id=receipt.root_id).first()
    )


def files_of(receipt: Receipt) -> list[ReceiptFile]:
    """Return the files of a receipt's pile, photos first."""
    rows = ReceiptFile.objects.filter(receipt_id=receipt.root_id)
    return list(rows.order_by("-kind", "position"))


def _check_insurance(insurance: Insurance | None) -> None:
    if insurance is None:
        return
    if not insurance.insurer.strip():
        raise PaperError("REQUIRED", "insurer")
    if not 0 < insurance.amount_fen <= FUNDS_MOST_FEN:
        raise PaperError("AMOUNT", "insured")
    if insurance.until < insurance.since:
        raise PaperError("DATES", "insured_until")


def _photos(papers: Papers) -> list[Checked]:
    if not 1 <= len(papers.photos) <= RECEIPT_PHOTOS:
        raise PaperError("PHOTOS", "photos")
    try:
        return [receipt_files.photo(one) for one in papers.photos]
    except receipt_files.FileError as error:
        raise PaperError(error.code, "photos") from error


def _certificate(papers: Papers, commodity: Commodity, today: dt.date) -> Checked | None:
    stated = papers.certificate
    if stated is None:
        if needs_certificate(commodity):
            raise PaperError("CERTIFICATE_REQUIRED", "certificate")
        return None
    for name, text in (("certificate_number", stated.number), ("certificate_body", stated.body)):
        if not text.strip():
            raise PaperError("REQUIRED", name)
    if stated.issued_on > today:
        raise PaperError("FUTURE", "certificate_issued_on")
    if stated.valid_until is not None and stated.valid_until < max(today, stated.issued_on):
        raise PaperError("CERTIFICATE_OVER", "certificate_valid_until")
    try:
        return receipt_files.certificate(stated.content)
    except receipt_files.FileError as error:
        raise PaperError(error.code, "certificate") from error
