"""A dispute about money: conciliation, panel, appeal, execution (RULEBOOK 4.7).

The disputed amount stays in the buyer's committed money; everything else of the contract goes on.
From every step but the last it may go to an arbitrator or a court instead: then it waits, without
a deadline, for their paper. One person of the venue takes it there, another one enters the ruling.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction

from exchange.models import Firm, User
from matching.commands import DischargeTrade
from matching.units import Fen, TradeId
from settlement import outbox
from settlement.contracts import deadlines, invoicing
from settlement.contracts.flow import ContractError, State, change, locked, note, party
from settlement.models import Dispute, DisputeState, Forum, Obligation

D = DisputeState
APPEAL_DAYS: Final = 5
CONCILIATION_DAYS: Final = 7
NEXT: Final[dict[str, frozenset[str]]] = {
    D.ALLEGED: frozenset({D.CONCILIATION, D.HELD}),
    D.CONCILIATION: frozenset({D.PANEL, D.RULED, D.HELD}),
    D.PANEL: frozenset({D.DECIDED, D.HELD}),
    D.DECIDED: frozenset({D.PANEL, D.RULED, D.HELD}),
    D.HELD: frozenset({D.RULED}),
    D.RULED: frozenset({D.EXECUTED}),
    D.EXECUTED: frozenset(),
}
assert NEXT.keys() == set(DisputeState), "every state states its exits"


def _open(trade_id: TradeId, *allowed: DisputeState) -> tuple[Obligation, Dispute]:
    contract = locked(trade_id)
    dispute = Dispute.objects.filter(obligation=contract).first()
    if dispute is None:
        raise ContractError("UNKNOWN_CONTRACT")
    # The undisputed part goes first: until then there is nothing to rule on.
    if dispute.state not in allowed or contract.state != State.SETTLED:
        raise ContractError("CONTRACT_STATE")
    return contract, dispute


def _move(
    contract: Obligation,
    dispute: Dispute,
    after: DisputeState,
    *,
    due: dt.datetime | None,
    **more: object,
) -> None:
    assert after in NEXT[dispute.state], f"{dispute.state} does not lead to {after}"
    rows = Dispute.objects.filter(pk=dispute.pk, state=dispute.state)
    columns = deadlines.columns(due, deadlines.hours_of(contract.terms))
    if not rows.update(state=after, **columns, **more):
        raise ContractError("CONTRACT_STATE")
    dispute.refresh_from_db()


@transaction.atomic
def respond(trade_id: TradeId, *, firm: Firm, by: User, text: str, now: dt.datetime) -> None:
    """The other party answers the allegation; both may then make offers."""
    contract, dispute = _open(trade_id, D.ALLEGED)
    party(contract, firm)
    if firm.pk == dispute.by_firm_id:
        raise ContractError("NOT_ALLOWED")
    if not text.strip():
        raise ContractError("REQUIRED")
    if len(text.strip()) > 400:
        raise ContractError("TOO_LONG")
    note(contract, "dispute_answered", at=now, firm_id=firm.pk, by=by)
    due = now + dt.timedelta(days=CONCILIATION_DAYS)
    _move(contract, dispute, D.CONCILIATION, due=due, response=text.strip())


@transaction.atomic
def offer(trade_id: TradeId, *, firm: Firm, by: User, fen: Fen, now: dt.datetime) -> None:
    """A party says what the seller should get of the disputed money; equal offers end it."""
    contract, dispute = _open(trade_id, D.CONCILIATION)
    side = party(contract, firm)
    if not 0 <= fen <= dispute.amount_fen:
        raise ContractError("AMOUNT", fen, dispute.amount_fen)
    Dispute.objects.filter(pk=dispute.pk).update(**{f"{side}_offer_fen": fen})
    dispute.refresh_from_db()
    note(contract, "dispute_offer", at=now, firm_id=firm.pk, by=by, amount_fen=fen)
    if dispute.buyer_offer_fen == dispute.seller_offer_fen:
        _execute(contract, dispute, fen, at=now)


@transaction.atomic
def to_panel(trade_id: TradeId, *, by: User | None, now: dt.datetime) -> None:
    """Conciliation has failed, or its time is over: the panel decides."""
    contract, dispute = _open(trade_id, D.CONCILIATION)
    note(contract, "dispute_panel", at=now, by=by)
    _move(contract, dispute, D.PANEL, due=now + dt.timedelta(days=CONCILIATION_DAYS))


@transaction.atomic
def decide(trade_id: TradeId, *, by: User, seller_gets: Fen, text: str, now: dt.datetime) -> None:
    """The panel decides what the seller gets; either party may appeal within five days, once."""
    contract, dispute = _open(trade_id, D.PANEL)
    if not 0 <= seller_gets <= dispute.amount_fen:
        raise ContractError("AMOUNT", seller_gets, dispute.amount_fen)
    if not text.strip():
        raise ContractError("REQUIRED")
    if len(text.strip()) > 400:
        raise ContractError("TOO_LONG")
    note(contract, "dispute_decided", at=now, by=by, amount_fen=seller_gets)
    due = now + dt.timedelta(days=APPEAL_DAYS)
    _move(contract, dispute, D.DECIDED, due=due, seller_gets_fen=seller_gets, decision=text.strip())
    if contract.events.filter(kind="dispute_appeal").exists():
        _execute(contract, dispute, seller_gets, at=now)  # the second decision is final


@transaction.atomic
def appeal(trade_id: TradeId, *, firm: Firm, by: User, now: dt.datetime) -> None:
    """A party appeals: the panel decides once more, and that is final."""
    contract, dispute = _open(trade_id, D.DECIDED)
    party(contract, firm)
    note(contract, "dispute_appeal", at=now, firm_id=firm.pk, by=by)
    _move(contract, dispute, D.PANEL, due=now + dt.timedelta(days=CONCILIATION_DAYS))


@transaction.atomic
def take_to(trade_id: TradeId, *, by: User, forum: str, document: str, now: dt.datetime) -> None:
    """An arbitrator or a court has accepted the case: its money waits for the ruling.

    `document` is the paper that says so, such as the notice of acceptance's number.
    """
    contract, dispute = _open(trade_id, D.ALLEGED, D.CONCILIATION, D.PANEL, D.DECIDED)
    if forum not in Forum.values:
        raise ContractError("CHOICE")
    paper = _paper(document)
    note(contract, "dispute_held", at=now, by=by, reason=paper, forum=forum)
    taken = {"held_for": forum, "held_document": paper, "held_by": by, "held_at": now}
    _move(contract, dispute, D.HELD, due=None, seller_gets_fen=None, **taken)


@transaction.atomic
def award(
    trade_id: TradeId, *, by: User, seller_gets: Fen, document: str, now: dt.datetime
) -> None:
    """The ruling has come: another person than took the case there enters it, and it is executed.

    Raises `SAME_PERSON` for the one who did.
    """
    contract, dispute = _open(trade_id, D.HELD)
    if dispute.held_by_id == by.pk:
        raise ContractError("SAME_PERSON")
    if not 0 <= seller_gets <= dispute.amount_fen:
        raise ContractError("AMOUNT", seller_gets, dispute.amount_fen)
    paper = _paper(document)
    note(contract, "dispute_award", at=now, by=by, amount_fen=seller_gets, reason=paper)
    Dispute.objects.filter(pk=dispute.pk).update(award_document=paper, awarded_by=by)
    _execute(contract, dispute, seller_gets, at=now)


def _paper(document: str) -> str:
    paper = document.strip()
    if not paper:
        raise ContractError("REQUIRED")
    if len(paper) > 120:
        raise ContractError("TOO_LONG")
    return paper


def lapse(contract: Obligation, dispute: Dispute, *, at: dt.datetime) -> None:
    """A deadline has passed: silence is an answer, conciliation ends, a decision becomes final.

    The panel is the venue's own: its being late decides nothing, and is written down.
    """
    if dispute.state == D.ALLEGED:
        note(contract, "dispute_silent", at=at)
        _move(contract, dispute, D.CONCILIATION, due=at + dt.timedelta(days=CONCILIATION_DAYS))
    elif dispute.state == D.CONCILIATION:
        note(contract, "dispute_panel", at=at)
        _move(contract, dispute, D.PANEL, due=at + dt.timedelta(days=CONCILIATION_DAYS))
    elif dispute.state == D.PANEL:
        note(contract, "panel_late", at=at)
        Dispute.objects.filter(pk=dispute.pk).update(acts_at=None)
    elif dispute.state == D.DECIDED:
        assert dispute.seller_gets_fen is not None
        _execute(contract, dispute, dispute.seller_gets_fen, at=at)


def _execute(contract: Obligation, dispute: Dispute, fen: Fen, *, at: dt.datetime) -> None:
    """Ask the engine to share out the disputed money."""
    number = contract.trade_id
    _move(contract, dispute, D.RULED, due=None, seller_gets_fen=fen)
    if not dispute.amount_fen:  # nothing was left to freeze: the buyer had not paid it
        ruled(contract, contract.kept_fen, at=at)
        return
    back = dispute.amount_fen - fen
    outbox.write(DischargeTrade(f"ruling:{number}", number, (), (), fen, back, 0))


def ruled(contract: Obligation, committed: Fen, *, at: dt.datetime) -> None:
    """The disputed money has moved."""
    _move(contract, contract.dispute, D.EXECUTED, due=None)
    change(contract, kept_fen=committed, committed_fen=committed)
    note(contract, "dispute_executed", at=at, amount_fen=contract.dispute.seller_gets_fen)
    invoicing.close_if_done(contract, at=at)
