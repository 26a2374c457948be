"""What is looked after once a minute: books against engine, the hash chain, the end of the day."""

from __future__ import annotations

import datetime as dt
import logging
from zoneinfo import ZoneInfo

from exchange.link import BlockingLink
from exchange.scope import current_venue_id
from settlement import books, ledger
from settlement.ledger import Sealed
from settlement.models import BooksCheck

log = logging.getLogger(__name__)
_SHANGHAI = ZoneInfo("Asia/Shanghai")


def minute(now: dt.datetime, link: BlockingLink, *, wait_s: int = 2) -> BooksCheck | None:
    """Compare the current venue's ledger with its engine at one height, and keep what was found.

    None if the two did not meet in time; the next minute tries again. Then the follower has also
    passed midnight, so that the day before can be closed. Repeated it changes nothing.
    """
    try:
        proof = books.prove(link, wait_s=wait_s, recount=False)
    except books.NoCommonHeight:
        return None
    last = BooksCheck.objects.filter(venue_id=current_venue_id()).first()
    known = Sealed(last.sealed_number, bytes(last.sealed_hash)) if last else Sealed()
    sealed = ledger.verify(known)
    faults = [*proof.faults, sealed.fault] if sealed.fault else list(proof.faults)
    if faults:
        log.critical("venue %s: the books are wrong: %s", current_venue_id(), "; ".join(faults))
    else:
        midnight = dt.datetime.combine(now.astimezone(_SHANGHAI).date(), dt.time(), _SHANGHAI)
        ledger.close_day(midnight.date() - dt.timedelta(days=1), until=midnight)
    check, _ = BooksCheck.objects.update_or_create(
        venue_id=current_venue_id(),
        defaults={
            "seq": proof.seq,
            "at": now,
            "faults": faults,
            "sealed_number": sealed.number,
            "sealed_hash": sealed.hash,
        },
    )
    return check
