"""The thread that asks rails: operations, their messages, money that came in, statements."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connection
from django.db.models import Q

from exchange import scope
from exchange.link import BlockingLink
from exchange.models import Firm, Venue
from settlement import accounts, clearing_legs, freezes, funds, incoming, outbox
from settlement.limits import NOTIFICATIONS_AT_ONCE, RECONCILE_S, WORK_S
from settlement.models import (
    AccountState,
    BoundAccount,
    Notification,
    OperationState,
    PaymentOperation,
    Reconciliation,
)
from settlement.payments import operations, rails, reconcile
from settlement.payments.ports import SWEEPS, Answer, OperationKind, RailError

log = logging.getLogger(__name__)
_LEAVES = (
    OperationKind.PAY_OUT,
    OperationKind.REFUND,
    OperationKind.RETURN,
    OperationKind.SWEEP_OUT,
)


def then(row: PaymentOperation, answer: Answer) -> None:
    """Tell whoever asked for an operation how it ended."""
    if row.kind == OperationKind.OPEN:
        accounts.opened(row, answer)
    elif row.kind == OperationKind.RETURN:
        incoming.returned(row, answer)
    elif row.kind in SWEEPS:
        pass  # the batch looks at its legs by itself
    else:
        funds.ended(row, answer)


def pulse(now: dt.datetime) -> int:
    """Do what is due at the current venue; return how many things were done.

    Calls rails, so it must not run inside a transaction.
    """
    done = _messages(now) + _incoming(now)
    for pk in operations.due(now):
        row = PaymentOperation.objects.get(pk=pk)
        if _may_not_leave(row):
            continue
        try:
            state = operations.work(pk, rails.rail(row.rail), now, then)
        except Exception:
            # Its lease runs out, and it is found out like any other; the rest must not wait for it.
            log.exception("payment %s", row.op_id)
            continue
        if state in (OperationState.UNKNOWN, OperationState.HUMAN):
            funds.uncertain(row.op_id)
        done += 1
    done += clearing_legs.advance(now)
    _statements(now)
    return done


def _may_not_leave(row: PaymentOperation) -> bool:
    """Say whether a payout must wait: for the rail's statement, or for the firm's freeze."""
    if row.kind not in _LEAVES or row.state != OperationState.NEW:
        return False
    if reconcile.is_frozen(row.rail):
        return True
    if row.kind == OperationKind.SWEEP_OUT:
        return False  # to the firm's own sub-account: it is still at the venue
    firm = Firm.objects.filter(code=row.party).first()
    return firm is not None and freezes.stops_payouts(firm)


def _messages(now: dt.datetime) -> int:
    """Follow the hints of messages that have come in."""
    waiting = Notification.objects.filter(handled_at__isnull=True).order_by("pk")
    rows = list(waiting[:NOTIFICATIONS_AT_ONCE])
    for row in rows:
        if row.op_id:
            operations.hint(row.op_id, now)
        if row.account:
            BoundAccount.objects.filter(rail=row.rail, funding=row.account).update(poll_at=now)
        Notification.objects.filter(pk=row.pk).update(handled_at=now)
    return len(rows)


def _incoming(now: dt.datetime) -> int:
    """Look at the accounts that money is sent to: those hinted at, and each from time to time."""
    due = Q(poll_at__isnull=True) | Q(poll_at__lte=now)
    found = 0
    rows = BoundAccount.objects.exclude(funding="").filter(due, state=AccountState.BOUND)
    for account in rows.select_related("venue", "firm"):
        rail = rails.rail(account.rail)
        if not rail.capabilities().is_push:
            continue
        try:
            found += incoming.poll(account, rail, now)
        except RailError as error:
            log.info("incoming of %s: %s", account.funding, error)
    return found


def _statements(now: dt.datetime) -> None:
    """Compare with the rails' statements once an hour."""
    used = BoundAccount.objects.values_list("rail", flat=True).distinct()
    for name in sorted(set(used)):
        last = Reconciliation.objects.filter(rail=name).first()
        if last is not None and now - last.at < dt.timedelta(seconds=RECONCILE_S):
            continue
        try:
            found = reconcile.run(rails.rail(name), now)
        except RailError as error:
            log.info("statement of %s: %s", name, error)
            continue
        if found.breaks:
            log.critical("rail %s: %d breaks; nothing is paid out", name, found.breaks)


class PaymentWorker(threading.Thread):
    """Works through all venues again and again, until told to stop."""

    def __init__(
        self, link_address: str, clock: Callable[[], dt.datetime], stop: threading.Event
    ) -> None:
        super().__init__(name="payments", daemon=True)
        self._address = link_address
        self._clock = clock
        self._stop_event = stop

    def run(self) -> None:
        """Pulse every second; a venue or rail in trouble must not keep the others waiting."""
        with BlockingLink(self._address) as link:
            while not self._stop_event.wait(WORK_S):
                close_old_connections()
                for venue_id in list(Venue.objects.values_list("id", flat=True)):
                    try:
                        with scope.venue(venue_id):
                            if pulse(self._clock()):
                                outbox.dispatch(link)
                    except Exception:
                        log.exception("payments of venue %s", venue_id)
        connection.close()
