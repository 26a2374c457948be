"""Messages of rails: kept once each, in the venue that they concern."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from exchange import scope
from exchange.models import Venue
from settlement.models import BoundAccount, Notification
from settlement.payments import rails
from settlement.payments.ports import Notice


def keep(rail: str, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> int:
    """Verify a message and keep what it says to look at; return how many hints were new.

    Raises `KeyError` for a rail that there is none of, `RailError` for a message that is not its.
    """
    kept = 0
    for notice in rails.rail(rail).parse_notification(body, headers):
        venue_id = _venue_of(rail, notice)
        if venue_id is None:
            continue  # not ours; if it moved our money, the statement will show it
        with scope.venue(venue_id):
            _, is_new = Notification.objects.get_or_create(
                venue_id=venue_id,
                rail=rail,
                event_id=notice.event_id,
                defaults={
                    "kind": notice.kind[:80],
                    "op_id": notice.op_id[:100],
                    "account": notice.account[:64],
                    "body": body,
                    "received_at": now,
                },
            )
        kept += is_new
    return kept


def _venue_of(rail: str, notice: Notice) -> int | None:
    if notice.venue:
        return Venue.objects.filter(code=notice.venue).values_list("id", flat=True).first()
    for venue_id in Venue.objects.values_list("id", flat=True):
        with scope.venue(venue_id):
            if (
                notice.account
                and BoundAccount.objects.filter(rail=rail, funding=notice.account).exists()
            ):
                return venue_id
    return None
