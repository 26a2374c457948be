"""Files of evidence: what parties, the clerk and the inspector put forward while a dispute is open.

Who answers an allegation has three days (RULEBOOK 4.7), but the file of a case stays open until
the panel has decided: conciliation and panel look at what both sides have by then. An appeal, an
arbitrator and a court decide about the same file, so that nobody keeps the best for the end. What
one side puts forward the other one sees at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Final

from django.db import transaction

from exchange.keys import row_key
from exchange.models import Firm, Role, User, Venue
from exchange.scope import current_venue_id
from matching.units import TradeId
from settlement import receipt_files
from settlement.contracts.flow import ContractError, State, locked, note, party
from settlement.limits import EXHIBITS
from settlement.models import Dispute, DisputeState, Exhibit, Matter, Obligation

OPEN_STATES: Final = (DisputeState.ALLEGED, DisputeState.CONCILIATION, DisputeState.PANEL)
DESCRIPTION_MOST: Final = 200
"""Characters that say what a file shows."""
_ENDINGS: Final = {receipt_files.JPEG: "jpg", receipt_files.PDF: "pdf"}


def matter_of(contract: Obligation) -> Matter | None:
    """Return what the contract's parties dispute and may put evidence forward about, or None."""
    if contract.state == State.DISPUTED:
        return Matter.GOODS
    dispute = Dispute.objects.filter(obligation=contract).first()
    # After an appeal the panel sits again, about the file on which it has decided once.
    if dispute is None or dispute.state not in OPEN_STATES or dispute.decision:
        return None
    return Matter.MONEY


def of_contract(contract: Obligation) -> list[Exhibit]:
    """Return all that was put forward, in that order."""
    rows = Exhibit.objects.filter(obligation=contract).select_related("by")
    return list(rows.order_by("number"))


def attach(
    trade_id: TradeId,
    *,
    by: User,
    content: bytes,
    description: str,
    now: dt.datetime,
    firm: Firm | None = None,
    role: str = "",
) -> Exhibit:
    """Keep a JPEG, PNG or PDF as evidence of a party (`firm`) or of the venue's clerk or inspector.

    The inspector is heard about goods only. Raises `ContractError`: `UNKNOWN_CONTRACT`,
    `NOT_ALLOWED`, `EVIDENCE_CLOSED`, `EVIDENCE_MOST`, `EVIDENCE_TWICE` (the same file of the same
    side), `REQUIRED`, `TOO_LONG`, and for the file `FILE_SIZE`, `NOT_A_CERTIFICATE` (its content is
    none of the three, whatever it is called), `PHOTO_PIXELS`.
    """
    words = description.strip()
    if not words:
        raise ContractError("REQUIRED")
    if len(words) > DESCRIPTION_MOST:
        raise ContractError("TOO_LONG")
    contract = Obligation.objects.filter(pk=row_key(current_venue_id(), trade_id)).first()
    if contract is None:
        raise ContractError("UNKNOWN_CONTRACT")
    side = _side(contract, firm, role)
    _place(contract, side)
    # Decoding and the disk take their time: no lock waits for them, and the row comes last, so that
    # none ever names a missing file.
    try:
        file = receipt_files.certificate(content)
    except receipt_files.FileError as error:
        raise ContractError(error.code) from error
    venue = Venue.objects.get(pk=contract.venue_id)
    receipt_files.keep(venue.code, file)
    with transaction.atomic():
        contract = locked(trade_id)
        matter, number = _place(contract, side)
        said = Exhibit.objects.filter(obligation=contract, matter=matter, side=side)
        if said.filter(sha256=file.sha256).exists():
            raise ContractError("EVIDENCE_TWICE")
        row = Exhibit.objects.create(
            venue=venue,
            obligation=contract,
            number=number,
            matter=matter,
            side=side,
            description=words,
            sha256=file.sha256,
            sent_sha256=hashlib.sha256(content).hexdigest(),
            media_type=file.media_type,
            size_bytes=len(file.body),
            by=by,
            at=now,
        )
        note(
            contract, "exhibit", at=now, firm_id=firm.pk if firm else 0, by=by,
            exhibit=number, sha256=file.sha256,
        )  # fmt: skip
    return row


def _side(contract: Obligation, firm: Firm | None, role: str) -> str:
    if firm is not None:
        return party(contract, firm)
    about_goods = role == Role.INSPECTOR and contract.state == State.DISPUTED
    if role != Role.CLERK and not about_goods:
        raise ContractError("NOT_ALLOWED")
    return str(role)


def _place(contract: Obligation, side: str) -> tuple[Matter, int]:
    """Return the matter that is open and the next number, or say why there is none."""
    matter = matter_of(contract)
    if matter is None:
        raise ContractError("EVIDENCE_CLOSED")
    rows = Exhibit.objects.filter(obligation=contract)
    if rows.filter(matter=matter, side=side).count() >= EXHIBITS:
        raise ContractError("EVIDENCE_MOST")
    return matter, rows.count() + 1


def file_name(row: Exhibit) -> str:
    """Return what the file is called in a download, such as `exhibit-03-seller.jpg`."""
    return f"exhibit-{row.number:02d}-{row.side}.{_ENDINGS[row.media_type]}"
