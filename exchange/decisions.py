"""What takes two people of the operator: one asks, another agrees, the engine has the last word."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.db import transaction

from exchange.link import BlockingLink
from exchange.models import (
    DECISION_OPEN,
    Decision,
    DecisionKind,
    DecisionState,
    Instrument,
    Membership,
    TradeRow,
    User,
    Venue,
)
from exchange.rulebook import RuleError, check_limits
from matching.commands import (
    AnyCommand,
    BustTrade,
    HaltScope,
    KillSwitch,
    SelfMatch,
    SetFirmLimits,
    SetHalt,
    SetSelfMatch,
)
from matching.events import CommandRejected, RejectReason
from matching.limits import BUST_WINDOW_US

BUST_WINDOW: Final = dt.timedelta(microseconds=BUST_WINDOW_US)
"""How long after a trade it may be undone, if the contract has not begun to settle."""
VALID: Final = dt.timedelta(hours=24)
"""How long a request waits for the second person (RELIABILITY, API6)."""


# Reads.


def recent(now: dt.datetime, *, most: int = 200) -> list[TradeRow]:
    """Return the trades that are young enough to be undone, newest first."""
    rows = TradeRow.objects.filter(traded_at__gte=now - BUST_WINDOW, busted_at=None)
    return list(rows.order_by("-trade_id")[:most])


def latest(*, most: int = 50) -> list[Decision]:
    """Return the venue's decisions, newest first."""
    rows = Decision.objects.select_related("asked_by", "answered_by")
    return list(rows.order_by("-pk")[:most])


def bust_reason(trade_id: int) -> str:
    """Return why a trade was undone, for those whose trade it was; "" if it was not."""
    done = Decision.objects.filter(
        kind=DecisionKind.BUST, target=f"trade:{trade_id}", state=DecisionState.DONE
    )
    found = done.first()
    return found.reason if found is not None else ""


# Asking.


@transaction.atomic
def ask_bust(*, venue: Venue, trade_id: int, reason: str, by: User, now: dt.datetime) -> Decision:
    """Ask for a trade to be undone.

    Raises `RuleError`: `UNKNOWN_TRADE`, `BUST_WINDOW` if it is too old or undone already, and
    what `_ask` raises.
    """
    trade = TradeRow.objects.filter(trade_id=trade_id).first()
    if trade is None:
        raise RuleError("UNKNOWN_TRADE", "trade")
    if trade.busted_at is not None or trade.traded_at < now - BUST_WINDOW:
        raise RuleError("BUST_WINDOW", "trade")
    return _ask(venue, DecisionKind.BUST, f"trade:{trade_id}", {}, reason, by, now)


@transaction.atomic
def ask_resume(
    *, venue: Venue, instrument: Instrument | None, reason: str, by: User, now: dt.datetime
) -> Decision:
    """Ask for an instrument to be resumed, or the whole venue (None)."""
    target = "venue" if instrument is None else f"instrument:{instrument.pk}"
    return _ask(venue, DecisionKind.RESUME, target, {}, reason, by, now)


@transaction.atomic
def ask_lift(
    *, membership: Membership, trader_id: int, reason: str, by: User, now: dt.datetime
) -> Decision:
    """Ask for a ban of a firm (0) or of one of its traders to be lifted."""
    target = f"trader:{membership.firm_id}:{trader_id}"
    return _ask(membership.venue, DecisionKind.LIFT, target, {}, reason, by, now)


@transaction.atomic
def ask_limits(
    *, membership: Membership, terms: dict[str, int], reason: str, by: User, now: dt.datetime
) -> Decision:
    """Ask for a firm's limits to be changed; `terms` as `rulebook.tighten` takes them."""
    check_limits(terms["orders_per_s"], terms["burst"])
    target = f"firm:{membership.firm_id}"
    return _ask(membership.venue, DecisionKind.LIMITS, target, terms, reason, by, now)


def _ask(
    venue: Venue,
    kind: DecisionKind,
    target: str,
    terms: dict[str, int],
    reason: str,
    by: User,
    now: dt.datetime,
) -> Decision:
    """Write a request down; nothing changes until another person agrees.

    Raises `RuleError`: `REQUIRED` without a reason, `DECISION_ASKED` if it has been asked for.
    """
    if not reason.strip():
        raise RuleError("REQUIRED", "reason")
    Venue.objects.select_for_update().get(pk=venue.pk)  # one at a time: two would ask the same
    live = Decision.objects.filter(kind=kind, target=target, state__in=DECISION_OPEN).first()
    if live is not None and not _expire(live, now):
        raise RuleError("DECISION_ASKED")
    return Decision.objects.create(
        venue=venue, kind=kind, target=target, terms=terms, reason=reason.strip(),
        asked_by=by, asked_at=now,
    )  # fmt: skip


def _expire(row: Decision, now: dt.datetime) -> bool:
    """End a request that nobody has answered in time; True if it has ended so."""
    if row.state != DecisionState.ASKED or now - row.asked_at <= VALID:
        return False
    row.state = DecisionState.EXPIRED
    row.save(update_fields=["state"])
    return True


# Answering.


def answer(
    decision_id: int, *, agreed: bool, by: User, link: BlockingLink, now: dt.datetime
) -> Decision:
    """Agree, and the engine is told; or decline, as the one who asked may, too.

    Raises `RuleError`: `UNKNOWN_REQUEST`, `DECISION_STATE` if it has ended, `SAME_PERSON`; and
    `LinkError` when the engine does not answer: it is told again by the same call, by anybody.
    What is older than a day ends EXPIRED.
    """
    with transaction.atomic():
        row = Decision.objects.select_for_update(of=("self",)).filter(pk=decision_id).first()
        if row is None:
            raise RuleError("UNKNOWN_REQUEST")
        if _expire(row, now):
            return row
        if row.state == DecisionState.ASKED:
            if agreed and row.asked_by_id == by.pk:
                raise RuleError("SAME_PERSON")
            row.state = DecisionState.AGREED if agreed else DecisionState.DECLINED
            row.answered_by = by
            row.answered_at = now
            row.save()
        elif row.state != DecisionState.AGREED or not agreed:
            raise RuleError("DECISION_STATE")
    if row.state == DecisionState.AGREED:
        _carry_out(row, link)
    return row


def _carry_out(row: Decision, link: BlockingLink) -> None:
    """Tell the engine; however often it is told, the outcome is one."""
    row.state, row.refusal = DecisionState.DONE, ""
    for command in _commands(row):
        first = link.submit(row.venue_id, command).events[0]
        if isinstance(first, CommandRejected) and first.reason != RejectReason.SAME:
            row.state, row.refusal = DecisionState.REFUSED, first.reason
            break
    row.save(update_fields=["state", "refusal"])


def _commands(row: Decision) -> list[AnyCommand]:
    approver = row.answered_by_id
    assert approver is not None, "the database wants two people, too"
    if row.kind == DecisionKind.BUST:
        # One id for ever: the engine undoes once.
        op_id = f"bust:{row.pk}"
        return [BustTrade(op_id, row.number, row.asked_by_id, approver, row.reason)]
    if row.kind == DecisionKind.RESUME:
        scope = HaltScope.INSTRUMENT if row.number else HaltScope.VENUE
        return [SetHalt(scope, row.number, False, approver, row.reason)]
    firm_id = int(row.target.split(":")[1])
    if row.kind == DecisionKind.LIFT:
        return [KillSwitch(firm_id, row.number, False, approver, row.reason)]
    terms: dict[str, Any] = row.terms
    return [
        SetFirmLimits(firm_id, terms["orders_per_s"], terms["burst"], terms["day_value_fen"]),
        SetSelfMatch(firm_id, SelfMatch(terms["self_match"])),
    ]
