"""When a party does not perform: penalty or earnest money, never both (民法典 art. 588)."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction

from exchange.models import Firm, User
from matching.commands import DischargeTrade
from matching.units import Fen, TradeId
from settlement import outbox
from settlement.contracts import collecting
from settlement.contracts.flow import (
    ContractError,
    State,
    change,
    is_asked,
    locked,
    note,
    only,
    set_due,
    step,
    terms_of,
)
from settlement.contracts.money import earnest_fen, penalty_fen
from settlement.models import Obligation

PENALTY, EARNEST = "penalty", "earnest"
SECURITY_DAYS: Final = 30
"""Days for which a seller's goods stand for its penalty."""


def remedies(contract: Obligation) -> dict[str, Fen]:
    """Return what each remedy would bring the party that kept the contract.

    A buyer's default forfeits its deposit up to a fifth of the value, or costs the agreed penalty.
    A seller returns the deposit twice, the second time out of its own money, or pays the penalty.
    """
    terms = terms_of(contract)
    value = contract.value_fen
    by_buyer = contract.state == State.BUYER_DEFAULT
    bp = terms.buyer_penalty_bp if by_buyer else terms.seller_penalty_bp
    amounts = {PENALTY: penalty_fen(value, bp)}
    if contract.instrument.cover_bp < 10_000:  # a price paid in full is no earnest money
        deposit = value * contract.instrument.cover_bp // 10_000
        amounts[EARNEST] = earnest_fen(value, deposit)
    return amounts


def begin(contract: Obligation, after: State, *, at: dt.datetime) -> None:
    """Declare a default. Its money and goods stay bound until a remedy is chosen."""
    due = at + dt.timedelta(days=terms_of(contract).remedy_days)
    if after == State.BUYER_DEFAULT:
        collecting.charge(contract, until=at)
    else:
        change(contract, storage_fen=0)  # nobody pays for keeping what may not stay
    step(contract, after, at=at, due=due)


@transaction.atomic
def choose(trade_id: TradeId, *, firm: Firm, by: User, remedy: str, now: dt.datetime) -> None:
    """The party that kept the contract chooses its remedy, once."""
    contract = locked(trade_id, State.BUYER_DEFAULT, State.SELLER_DEFAULT)
    only(contract, firm, "seller" if contract.state == State.BUYER_DEFAULT else "buyer")
    if contract.remedy:
        raise ContractError("REMEDY_CHOSEN")
    if remedy not in remedies(contract):
        raise ContractError("CHOICE")
    execute(contract, remedy, at=now, by=by)


def execute(contract: Obligation, remedy: str, *, at: dt.datetime, by: User | None = None) -> None:
    """Ask the engine to end the trade by a remedy.

    A buyer's comes out of what it has bound, storage of goods that it left lying with it; what that
    does not cover stays unpaid. Of a seller's default the buyer's money returns at once, and the
    goods only with the penalty, so that they stand for it while the seller lacks the money.
    """
    number, amount = contract.trade_id, remedies(contract)[remedy]
    change(contract, remedy=remedy)
    set_due(contract, None)
    note(contract, "remedy", at=at, by=by, remedy=remedy, amount_fen=amount)
    returned = tuple((row[0], row[1]) for row in contract.receipts)
    committed = contract.committed_fen
    if contract.state == State.BUYER_DEFAULT:
        owed = amount + contract.storage_fen
        paid = min(owed, committed)
        change(contract, unpaid_fen=owed - paid)
        outbox.write(
            DischargeTrade(f"default:{number}", number, (), returned, paid, committed - paid, 0)
        )
        return
    change(contract, unpaid_fen=amount)
    if committed:
        outbox.write(DischargeTrade(f"refund:{number}", number, (), (), 0, committed, 0))
    collect(contract, at=at)


def collect(contract: Obligation, *, at: dt.datetime) -> None:
    """Ask for a seller's penalty and free its goods; tried anew each day until it has the money.

    After `SECURITY_DAYS` the goods are free again and the penalty stays owed: goods that nobody
    may move for ever help neither party.
    """
    number = contract.trade_id
    if is_asked(f"default:{number}:"):
        return
    returned = tuple((row[0], row[1]) for row in contract.receipts)
    op_id = f"default:{number}:{at:%Y%m%d%H%M}"
    chosen = contract.events.filter(kind="remedy").order_by("pk").first()
    is_over = chosen is not None and at > chosen.at + dt.timedelta(days=SECURITY_DAYS)
    penalty = 0 if is_over else contract.unpaid_fen
    outbox.write(DischargeTrade(op_id, number, (), returned, 0, 0, 0, penalty))
    change(contract, acts_at=at + dt.timedelta(days=1))


def ended(contract: Obligation, penalty: Fen, left: Fen, *, at: dt.datetime) -> None:
    """The remedy is executed: the contract is over.

    `left` is a payment that came after the remedy was worked out: it returns to the buyer.
    """
    if left:
        number = contract.trade_id
        outbox.write(DischargeTrade(f"rest:{number}", number, (), (), 0, left, 0))
    unpaid = contract.unpaid_fen - penalty
    step(
        contract,
        State.TERMINATED,
        at=at,
        due=None,
        committed_fen=0,
        unpaid_fen=max(unpaid, 0),
        settled_at=at,
    )
