"""Reads the journal from a bookmark: each trade opens one obligation, each event books once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from exchange.blocks import Block
from exchange.link import BlockingLink
from exchange.models import Venue
from exchange.scope import current_venue_id
from matching.commands import SettleTrade
from matching.events import (
    CashCredited,
    CashDebited,
    CashReleased,
    CashReserved,
    GoodsCredited,
    GoodsDebited,
    RejectReason,
    TradeBusted,
    TradeDischarged,
    TradeExecuted,
    TradePaid,
    TradeSettled,
)
from settlement import delivery, freezes, funds, ledger, obligations, outbox, receipts, set_aside
from settlement.contracts import (
    defaults,
    disputes,
    flow,
    invoicing,
    opening,
    papers,
    paying,
    settling,
)
from settlement.contracts.terms import resale_day
from settlement.ledger import CNY, Code, Entry, Kind
from settlement.models import ObligationState


class SettlementFollower:
    """The follower that keeps what is owned and owed. Commands leave through the outbox."""

    name = "settlement"

    def __init__(self, link: BlockingLink | None) -> None:
        self._link = link

    def apply(self, block: Block) -> None:
        """Book every event of the block that moves money or goods."""
        for index, events in enumerate(block.decoded_events()):
            for offset, event in enumerate(events):
                book = _BOOK.get(type(event))
                if book is not None:
                    book(event, _Place(block, index, offset))

    def after_commit(self, venue_id: int) -> None:
        """Send what the outbox holds."""
        if self._link is not None:
            outbox.dispatch(self._link)


class _Place:
    """Where an event stands in the journal: the source of every key and time."""

    def __init__(self, block: Block, index: int, offset: int) -> None:
        self.block = block
        self.seq = block.seq
        self.position = f"{index}/{offset}"
        self.key = f"{block.seq}/{index}/{offset}"
        self.at = dt.datetime.fromtimestamp(block.ts_us // 1_000_000, tz=dt.UTC) + dt.timedelta(
            microseconds=block.ts_us % 1_000_000
        )

    def post(self, ledger_number: int, debit: Any, credit: Any, amount: int, kind: Kind) -> None:
        ledger.post(
            [Entry(ledger_number, debit, credit, amount, kind)],
            seq=self.seq,
            position=self.position,
            at=self.at,
        )


_BANK: Final = (Code.BANK, 0)
_WAREHOUSE: Final = (Code.WAREHOUSE, 0)


def _cash_credited(event: CashCredited, place: _Place) -> None:
    firm = (Code.TRADING, event.firm_id)
    place.post(CNY, _BANK, firm, event.amount_fen, Kind.DEPOSIT)
    funds.confirmed(event.op_id)


def _cash_reserved(event: CashReserved, place: _Place) -> None:
    firm_id = event.firm_id
    committed = (Code.COMMITTED, firm_id)
    place.post(CNY, (Code.TRADING, firm_id), committed, event.amount_fen, Kind.COMMIT)
    if event.op_id.startswith(freezes.PREFIX):
        freezes.reserved(event.op_id)
    else:
        funds.reserved(event.op_id, at=place.at)


def _cash_debited(event: CashDebited, place: _Place) -> None:
    place.post(CNY, (Code.COMMITTED, event.firm_id), _BANK, event.amount_fen, Kind.WITHDRAWAL)
    funds.confirmed(event.reserve_op_id)


def _cash_released(event: CashReleased, place: _Place) -> None:
    firm_id = event.firm_id
    trading = (Code.TRADING, firm_id)
    place.post(CNY, (Code.COMMITTED, firm_id), trading, event.amount_fen, Kind.RELEASE)
    freezes.released(event.reserve_op_id)


def _goods_credited(event: GoodsCredited, place: _Place) -> None:
    firm = (Code.TRADING, event.firm_id)
    goods = ledger.goods(event.instrument_id)
    if event.op_id.startswith(set_aside.PREFIX):
        aside = (Code.ASIDE, event.firm_id)
        place.post(goods, aside, firm, event.weight_kg, Kind.GIVE_BACK)
        set_aside.returned(event, key=place.key, at=place.at)
        return
    place.post(goods, _WAREHOUSE, firm, event.weight_kg, Kind.REGISTER)
    receipts.credited(event, key=place.key, at=place.at)


def _goods_debited(event: GoodsDebited, place: _Place) -> None:
    firm = (Code.TRADING, event.firm_id)
    goods = ledger.goods(event.instrument_id)
    if event.op_id.startswith(set_aside.PREFIX):
        aside = (Code.ASIDE, event.firm_id)
        place.post(goods, firm, aside, event.weight_kg, Kind.SET_ASIDE)
        set_aside.taken(event, key=place.key, at=place.at)
        return
    place.post(goods, firm, _WAREHOUSE, event.weight_kg, Kind.COLLECT)
    receipts.debited(event, key=place.key, at=place.at)


def _traded(event: TradeExecuted, place: _Place) -> None:
    """Open the obligation and bind both sides.

    Where the receipt passes, cover is full and the goods are in store: both sides are secured at
    once, and the engine is asked for the exchange. Otherwise the contract goes its own way.
    """
    contract = obligations.open_obligation(event, at=place.at)
    delivery.commit(event, seq=place.seq, position=place.position, at=place.at)
    receipts.lock(event)
    papers.seal(contract, event, block=place.block, at=place.at)
    if contract.terms:
        opening.begin(contract, at=place.at)
        return
    state = ObligationState
    obligations.move(event.trade_id, state.MATCHED, state.SECURED)
    venue = Venue.objects.get(pk=current_venue_id())
    outbox.write(
        SettleTrade(
            f"settle:{event.trade_id}",
            event.trade_id,
            tuple(receipts.reserve_numbers(event, at=place.at)),
            resale_day(place.at, always_open=venue.always_open),
        )
    )


def _settled(event: TradeSettled, place: _Place) -> None:
    delivery.settle(event, seq=place.seq, position=place.position, at=place.at)
    receipts.move_title(event, key=place.key, at=place.at)
    obligations.move(
        event.trade_id, ObligationState.SECURED, ObligationState.SETTLED, settled_at=place.at
    )


def _busted(event: TradeBusted, place: _Place) -> None:
    """The market undid a trade before it was settled: nobody owes anything."""
    delivery.undo(event, seq=place.seq, position=place.position, at=place.at)
    receipts.unlock(event)
    for state in (ObligationState.MATCHED, ObligationState.SECURED):
        obligations.move(event.trade_id, state, ObligationState.CANCELLED)
    outbox.forget(f"settle:{event.trade_id}", RejectReason.UNKNOWN_TRADE)


def _paid(event: TradePaid, place: _Place) -> None:
    delivery.pay(event, seq=place.seq, position=place.position, at=place.at)
    paying.paid(flow.locked(event.trade_id), event.committed_fen, at=place.at)


def _discharged(event: TradeDischarged, place: _Place) -> None:
    """A contract's exchange, release, ruling or remedy has happened: the op id says which."""
    delivery.discharge(event, seq=place.seq, position=place.position, at=place.at)
    receipts.discharge(event, key=place.key, at=place.at)
    contract = flow.locked(event.trade_id)
    what = event.op_id.partition(":")[0]
    if what == "deliver":
        settling.exchanged(contract, event, at=place.at)
    elif what == "close":
        invoicing.released(contract, event.committed_fen, at=place.at)
    elif what == "ruling":
        disputes.ruled(contract, event.committed_fen, at=place.at)
    elif what == "penalty":
        settling.penalty_paid(contract, event.penalty_fen, at=place.at)
    elif what == "default":
        defaults.ended(contract, event.penalty_fen, event.committed_fen, at=place.at)
    else:  # refund: the first half of a seller's default; rest: what was paid twice
        flow.change(contract, committed_fen=event.committed_fen)


_BOOK: Final[dict[type, Callable[[Any, _Place], None]]] = {
    CashCredited: _cash_credited,
    CashReserved: _cash_reserved,
    CashDebited: _cash_debited,
    CashReleased: _cash_released,
    GoodsCredited: _goods_credited,
    GoodsDebited: _goods_debited,
    TradeExecuted: _traded,
    TradeSettled: _settled,
    TradeBusted: _busted,
    TradePaid: _paid,
    TradeDischarged: _discharged,
}
