"""The thread that lets time act on contracts: deadlines are rows, so a restart loses nothing."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connection

from exchange import scope
from exchange.link import BlockingLink
from exchange.models import Venue
from settlement import chores, clearing_legs, expiry, ledger, outbox
from settlement.contracts import timers
from settlement.limits import CHORES_EVERY, TIMER_S

log = logging.getLogger(__name__)


def pulse(venue_id: int, now: dt.datetime, link: BlockingLink) -> int:
    """Do what is due at one venue and send what follows; return how many contracts moved."""
    with scope.venue(venue_id):
        moved = timers.sweep(now)
        ledger.expire(now)
        expiry.sweep(now)
        outbox.dispatch(link)
        clearing_legs.cut_off(now)
    return moved


class ContractClock(threading.Thread):
    """Sweeps all venues again and again, until told to stop."""

    def __init__(
        self, link_address: str, clock: Callable[[], dt.datetime], stop: threading.Event
    ) -> None:
        super().__init__(name="contracts", daemon=True)
        self._address = link_address
        self._clock = clock
        self._stop_event = stop

    def run(self) -> None:
        """Sweep every few seconds; a venue in trouble must not keep the others waiting."""
        pulses = 0
        with BlockingLink(self._address) as link:
            while not self._stop_event.wait(TIMER_S):
                pulses += 1
                close_old_connections()
                for venue_id in list(Venue.objects.values_list("id", flat=True)):
                    try:
                        pulse(venue_id, self._clock(), link)
                        if pulses % CHORES_EVERY == 1:
                            with scope.venue(venue_id):
                                chores.minute(self._clock(), link)
                    except Exception:
                        log.exception("contracts of venue %s", venue_id)
        connection.close()
