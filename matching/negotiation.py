"""Negotiated trading: an invitation, counters with expiry, acceptance (RULEBOOK 4.4).

Each proposal is an order that stands aside from every book and holds its proposer's cover; a
counter frees it and holds the other firm's. Acceptance trades the live proposal, whole.
"""

from __future__ import annotations

from typing import Final

from matching import continuous
from matching.checks import (
    PLAIN,
    Wish,
    firm_may_trade,
    instrument_is_open,
    limits_allow,
    no_lock_holds,
    note_entered,
    price_inside_band,
    quantity_fits,
    venue_is_open,
)
from matching.commands import Accept, Counter, Decline, Invite, Mode, Phase, Side, TimeInForce
from matching.cover import Account
from matching.events import (
    AnyEvent,
    CancelReason,
    NegotiationEnded,
    NegotiationOpened,
    OrderEntered,
    ProposalMade,
    RejectReason,
)
from matching.holding import cover, hold, withdraw
from matching.instrument import Instrument
from matching.limits import AHEAD_MOST_US, NEGOTIATIONS_PER_FIRM, RECEIPTS_PER_ORDER
from matching.locks import locked, too_many_holders, used_first
from matching.negotiation_state import Negotiation
from matching.orders import ASIDE, INCOMING, Order, new_order
from matching.rules import Allocation, Refusal, rejected
from matching.state import NEGOTIATION, Venue
from matching.units import MAX_INT, FirmId, Micros

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_CHECKS: Final = (no_lock_holds, quantity_fits, price_inside_band, limits_allow)


def invite(venue: Venue, account: Account, command: Invite) -> tuple[AnyEvent, ...]:
    """Open a negotiation with one other firm by a first proposal."""
    refusal = _wrong(command.price_ticks, command.quantity_lots, len(command.receipt_ids))
    instrument = venue.instruments.get(command.instrument_id)
    if refusal is None and instrument is None:
        refusal = RejectReason.UNKNOWN_INSTRUMENT, (command.instrument_id,)
    other = venue.accounts.get(command.to_firm_id)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    assert instrument is not None
    wish = _wish(instrument, account, command, command.side)
    refusal = _refuse_standing(venue, wish)
    if refusal is None and other is None:
        refusal = RejectReason.UNKNOWN_FIRM, (command.to_firm_id,)
    if refusal is None and other is not None and other.group_id == account.group_id:
        refusal = RejectReason.RELATED_PARTY, (command.to_firm_id,)
    if refusal is None:
        mine = sum(order.place == ASIDE for order in account.orders.values())
        if mine >= NEGOTIATIONS_PER_FIRM:
            refusal = RejectReason.LIMIT, (mine, NEGOTIATIONS_PER_FIRM)
    refusal = refusal or _refuse_expiry(venue, command.expires_us) or _refuse_terms(venue, wish)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    covered = cover(
        venue, instrument, account, command.side, command.price_ticks, command.quantity_lots,
        command.receipt_ids,
    )  # fmt: skip
    if isinstance(covered[0], RejectReason):
        return rejected(account.firm_id, command.client_order_id, *covered)
    need, taken = covered

    # From here on nothing can fail.
    venue.last_negotiation_id += 1
    talk = Negotiation(
        venue.last_negotiation_id,
        instrument.instrument_id,
        account.firm_id,
        command.to_firm_id,
        0,
        0,
        command.expires_us,
    )
    venue.negotiations[talk.negotiation_id] = talk
    opened = NegotiationOpened(
        talk.negotiation_id,
        instrument.instrument_id,
        account.firm_id,
        command.to_firm_id,
        command.client_order_id,
    )
    return (opened, *_propose(venue, talk, wish, command, need, taken))


def counter(venue: Venue, account: Account, command: Counter) -> tuple[AnyEvent, ...]:
    """Answer the live proposal with another: the other firm's cover is freed, this firm's held."""
    refusal = _wrong(command.price_ticks, command.quantity_lots, len(command.receipt_ids))
    talk = _mine(venue, account.firm_id, command.negotiation_id)
    if refusal is None and talk is None:
        refusal = RejectReason.UNKNOWN_NEGOTIATION, (command.negotiation_id,)
    if refusal is None and talk is not None and talk.firm_id == account.firm_id:
        refusal = RejectReason.NOT_YOUR_TURN, (command.negotiation_id,)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    assert talk is not None
    live = venue.accounts[talk.firm_id].orders[talk.order_id]
    instrument = venue.instruments[talk.instrument_id]
    side = _SELL if live.side is _BUY else _BUY
    wish = _wish(instrument, account, command, side)
    refusal = (
        _refuse_standing(venue, wish)
        or _refuse_expiry(venue, command.expires_us)
        or _refuse_terms(venue, wish)
    )
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    covered = cover(
        venue, instrument, account, side, command.price_ticks, command.quantity_lots,
        command.receipt_ids,
    )  # fmt: skip
    if isinstance(covered[0], RejectReason):
        return rejected(account.firm_id, command.client_order_id, *covered)
    need, taken = covered

    # From here on nothing can fail.
    talk.firm_id, talk.to_firm_id = account.firm_id, talk.firm_id
    talk.expires_us = command.expires_us
    answer = _propose(venue, talk, wish, command, need, taken)
    answer.append(withdraw(venue, live, "", CancelReason.NEGOTIATION))
    return tuple(answer)


def accept(venue: Venue, account: Account, command: Accept) -> tuple[AnyEvent, ...]:
    """Trade the live proposal, whole, at its price."""
    talk = _mine(venue, account.firm_id, command.negotiation_id)
    refusal: Refusal | None = None
    if len(command.receipt_ids) > RECEIPTS_PER_ORDER:
        refusal = RejectReason.LIMIT, (len(command.receipt_ids), RECEIPTS_PER_ORDER)
    elif talk is None:
        refusal = RejectReason.UNKNOWN_NEGOTIATION, (command.negotiation_id,)
    elif talk.firm_id == account.firm_id:
        refusal = RejectReason.NOT_YOUR_TURN, (command.negotiation_id,)
    elif talk.round_no != command.round_no:
        refusal = RejectReason.ROUND, (command.round_no, talk.round_no)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    assert talk is not None
    proposer = venue.accounts[talk.firm_id]
    live = proposer.orders[talk.order_id]
    instrument = venue.instruments[talk.instrument_id]
    side = _SELL if live.side is _BUY else _BUY
    price, lots = live.price_ticks, live.open_lots
    value = instrument.largest_value_fen(price, lots)
    wish = Wish(
        account, command.trader_id, instrument, side, TimeInForce.IOC, price, lots, PLAIN, lots,
        value,
    )  # fmt: skip
    refusal = _refuse_standing(venue, wish) or _refuse_terms(venue, wish)
    if refusal is None:  # the proposer may have been stopped or locked since
        theirs = wish._replace(account=proposer, trader_id=live.trader_id, side=live.side)
        refusal = firm_may_trade(venue, theirs) or locked(
            venue, instrument, proposer.group_id, live.side
        )
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)
    covered = cover(venue, instrument, account, side, price, lots, command.receipt_ids)
    if isinstance(covered[0], RejectReason):
        return rejected(account.firm_id, command.client_order_id, *covered)
    need, taken = covered
    if side is _BUY:
        refusal = too_many_holders(venue, used_first(live.receipts, lots), account.firm_id)
    else:
        named = tuple([(receipt.receipt_id, used) for receipt, used in taken])
        refusal = too_many_holders(venue, named, proposer.firm_id)
    if refusal is not None:
        return rejected(account.firm_id, command.client_order_id, *refusal)

    # From here on nothing can fail.
    note_entered(wish)
    order, entered = _enter(venue, wish, command.client_order_id, need, taken, live.order_id)
    events: list[AnyEvent] = [entered]
    order.place = INCOMING
    del account.orders[order.order_id]
    events.append(continuous.trade(venue, instrument, live, order, lots, price))
    continuous.follow_up(venue, instrument, live, order, events)
    del venue.negotiations[talk.negotiation_id]
    number = venue.last_trade_id
    events.append(
        NegotiationEnded(talk.negotiation_id, account.firm_id, command.client_order_id, number)
    )
    return tuple(events)


def decline(venue: Venue, account: Account, command: Decline) -> tuple[AnyEvent, ...]:
    """End a negotiation; either firm may, in every phase and halt."""
    talk = _mine(venue, account.firm_id, command.negotiation_id)
    if talk is None:
        refusal = RejectReason.UNKNOWN_NEGOTIATION, (command.negotiation_id,)
        return rejected(account.firm_id, command.client_order_id, *refusal)
    return tuple(end(venue, talk, account.firm_id, command.client_order_id))


def lapse(venue: Venue, negotiation_id: int, due_us: Micros, events: list[AnyEvent]) -> None:
    """End a negotiation whose live proposal ends at `due_us`; a newer one has its own time."""
    talk = venue.negotiations.get(negotiation_id)
    if talk is not None and talk.expires_us == due_us:
        events.extend(end(venue, talk, 0, ""))


def end(
    venue: Venue,
    talk: Negotiation,
    firm_id: FirmId,
    client_order_id: str,
    reason: CancelReason = CancelReason.NEGOTIATION,
) -> list[AnyEvent]:
    """Forget a negotiation that comes to nothing, and free its live proposal.

    `firm_id` is who ended it, 0 for neither firm; `reason` is why the proposal leaves.
    """
    live = venue.accounts[talk.firm_id].orders[talk.order_id]
    del venue.negotiations[talk.negotiation_id]
    return [
        NegotiationEnded(talk.negotiation_id, firm_id, client_order_id, 0),
        withdraw(venue, live, "", reason),
    ]


def _mine(venue: Venue, firm_id: FirmId, negotiation_id: int) -> Negotiation | None:
    """Return a negotiation that the firm is a party of: another's looks like none."""
    talk = venue.negotiations.get(negotiation_id)
    return talk if talk is not None and firm_id in (talk.firm_id, talk.to_firm_id) else None


def _wrong(price_ticks: int, lots: int, receipts: int) -> Refusal | None:
    if not (0 < price_ticks <= MAX_INT and 0 < lots <= MAX_INT):
        return RejectReason.INVALID, ()
    if receipts > RECEIPTS_PER_ORDER:
        return RejectReason.LIMIT, (receipts, RECEIPTS_PER_ORDER)
    return None


def _wish(instrument: Instrument, account: Account, command: Invite | Counter, side: Side) -> Wish:
    price, lots = command.price_ticks, command.quantity_lots
    value = instrument.largest_value_fen(price, lots)
    return Wish(
        account, command.trader_id, instrument, side, TimeInForce.GTD, price, lots, PLAIN, lots,
        value,
    )  # fmt: skip


def _refuse_standing(venue: Venue, wish: Wish) -> Refusal | None:
    """Refuse by venue, instrument, phase, firm and mode, as for entry."""
    instrument = wish.instrument
    refusal = venue_is_open(venue, wish) or instrument_is_open(venue, wish)
    if refusal is not None:
        return refusal
    if instrument.phase is not Phase.CONTINUOUS:
        return RejectReason.PHASE, (int(instrument.phase),)
    refusal = firm_may_trade(venue, wish)
    if refusal is not None:
        return refusal
    if instrument.terms.mode != Mode.NEGOTIATED:
        return RejectReason.MODE, (int(instrument.terms.mode),)
    return None


def _refuse_terms(venue: Venue, wish: Wish) -> Refusal | None:
    for check in _CHECKS:
        refusal = check(venue, wish)
        if refusal is not None:
            return refusal
    return None


def _refuse_expiry(venue: Venue, expires_us: Micros) -> Refusal | None:
    if expires_us <= venue.ts_us:
        return RejectReason.EXPIRED, (expires_us, venue.ts_us)
    if expires_us > venue.ts_us + AHEAD_MOST_US:
        return RejectReason.LIMIT, (expires_us, venue.ts_us + AHEAD_MOST_US)
    return None


def _propose(
    venue: Venue,
    talk: Negotiation,
    wish: Wish,
    command: Invite | Counter,
    need: int,
    taken: Allocation,
) -> list[AnyEvent]:
    """Make the next round: its order holds the cover, its time is noted."""
    note_entered(wish)
    order, entered = _enter(venue, wish, command.client_order_id, need, taken, 0)
    talk.order_id = order.order_id
    talk.round_no += 1
    venue.remind(talk.expires_us, NEGOTIATION, talk.negotiation_id)
    made = ProposalMade(
        talk.negotiation_id,
        talk.round_no,
        order.order_id,
        talk.firm_id,
        talk.to_firm_id,
        command.client_order_id,
        talk.expires_us,
    )
    return [made, entered] if talk.round_no > 1 else [entered, made]


def _enter(
    venue: Venue,
    wish: Wish,
    client_order_id: str,
    need: int,
    taken: Allocation,
    lifted_order_id: int,
) -> tuple[Order, OrderEntered]:
    """Hold the cover of a proposal or an acceptance by an order that stands aside."""
    account, instrument = wish.account, wish.instrument
    held = hold(account, need, taken)
    venue.last_order_id += 1
    order = new_order(
        venue.last_order_id,
        account,
        wish.trader_id,
        instrument.instrument_id,
        wish.side,
        wish.tif,
        wish.price_ticks,
        wish.lots,
        need,
        held,
        None,
        0,
        ASIDE,
    )
    account.orders[order.order_id] = order
    return order, OrderEntered(
        order.order_id,
        account.firm_id,
        wish.trader_id,
        client_order_id,
        instrument.instrument_id,
        wish.side,
        wish.tif,
        wish.price_ticks,
        wish.lots,
        need,
        held,
        lifted_order_id,
    )
