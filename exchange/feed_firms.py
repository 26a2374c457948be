"""Events -> what a firm sees of itself: orders, offers, fills, funds, receipts, contracts.

Its orders make the books and the public offers; a directed offer is told to whom it names alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exchange.feed_market import MarketFeeds
from matching.commands import Side, Special
from matching.events import (
    BidderJoined,
    BondReleased,
    CancelReason,
    CashCredited,
    CashDebited,
    CashReleased,
    CashReserved,
    GoodsCredited,
    GoodsDebited,
    OrderAmended,
    OrderCancelled,
    OrderEntered,
    OrderReduced,
    OrderRefreshed,
    OrderRested,
    OrderResumed,
    OrderSuspended,
    StopTriggered,
    TradeBusted,
    TradeDischarged,
    TradeExecuted,
    TradePaid,
    TradeSettled,
)
from matching.units import FirmId

DONE_ORDERS: Final = 50
FILLS: Final = 100
SETTLED_CONTRACTS: Final = 100
_PLAIN: Final = Special()


class FirmFeeds(MarketFeeds):
    """The private topics of one venue's firms. `firm_code` gives the public code of a firm's id."""

    def __init__(self, firm_code: Callable[[FirmId], str]) -> None:
        super().__init__()
        self.firm_code = firm_code
        self.orders: dict[int, dict[str, Any]] = {}  # open ones
        self.owners: dict[int, int] = {}  # open order -> firm
        self.done: dict[int, list[dict[str, Any]]] = {}  # firm -> newest last
        self.fills: dict[int, list[dict[str, Any]]] = {}
        self.funds: dict[int, list[int]] = {}
        self.receipts: dict[int, dict[int, dict[str, Any]]] = {}  # firm -> id -> receipt
        self.contracts: dict[int, dict[str, Any]] = {}  # open trade -> shared fields
        self.settled: dict[int, list[dict[str, Any]]] = {}  # firm -> newest last

    def _private(self, word: str, firm_id: int) -> dict[str, Any] | None:
        if word == "orders":
            mine = [
                order for order_id, order in self.orders.items() if self.owners[order_id] == firm_id
            ]
            return {"orders": mine + self.done.get(firm_id, [])[::-1]}
        if word == "directed":
            return {
                "directed": [
                    self._offer(order)
                    for order in self.orders.values()
                    if firm_id in order["firms"]
                ]
            }
        if word == "fills":
            return {"fills": self.fills.get(firm_id, [])[::-1]}
        if word == "funds":
            return self._funds(firm_id)
        if word == "receipts":
            return {"receipts": list(self.receipts.get(firm_id, {}).values())}
        if word == "contracts":
            mine = [
                self._contract(contract, firm_id)
                for contract in self.contracts.values()
                if firm_id in (contract["buyer"], contract["seller"])
            ]
            return {"contracts": mine[::-1] + self.settled.get(firm_id, [])[::-1]}
        return None

    def _funds(self, firm_id: int) -> dict[str, int]:
        available, held, committed = self.funds.get(firm_id, [0, 0, 0])
        return {"available": available, "held": held, "committed": committed}

    # Events about orders and trades.

    def _entered(self, event: OrderEntered) -> None:
        special = event.special or _PLAIN
        self.orders[event.order_id] = {
            "order": event.order_id,
            "client_id": event.client_order_id,
            "instrument": event.instrument_id,
            "side": int(event.side),
            "tif": int(event.tif),
            "price": event.price_ticks,
            "lots": event.quantity_lots,
            "executed": 0,
            "open": event.quantity_lots,
            "held": event.held_fen,
            "receipts": [list(pair) for pair in event.receipts],
            "state": "waiting" if special.stop_ticks else "open",
            "reason": "",
            "shown": 0,
            "kind": int(special.kind),
            "expires": special.expires_us // 1000,
            "display": special.display_lots,
            "least": special.least_lots,
            "stop": special.stop_ticks,
            "firms": list(special.firm_ids),
            "lifted": event.lifted_order_id,
            "at": self.at,
            "changed": self.at,
        }
        self.owners[event.order_id] = event.firm_id
        self._cash(event.firm_id, -event.held_fen, event.held_fen, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, -lots, lots, 0)
        self._order_changed(event.order_id)

    def _order_changed(self, order_id: int) -> dict[str, Any]:
        order = self.orders[order_id]
        order["changed"] = self.at
        firm_id = self.owners[order_id]
        self._touch(f"orders:{firm_id}", order_id, order)
        self._offer_changed(order, firm_id)
        return order

    def _offers(self, instrument_id: int) -> dict[str, Any]:
        """Return what everybody may lift of a `listed` instrument."""
        return {
            "offers": [
                self._offer(order)
                for order in self.orders.values()
                if order["instrument"] == instrument_id and not order["firms"]
            ]
        }

    def _offer_changed(self, order: dict[str, Any], firm_id: int) -> None:
        """Tell an offer's change to those who may lift it: everybody, or whom it names."""
        if not self.listed[order["instrument"]] or order["lifted"]:
            return
        offer = self._offer(order, firm_id)
        if not order["firms"]:
            self._touch(f"offers.{order['instrument']}", order["order"], offer)
        for named in order["firms"]:
            self._touch(f"directed:{named}", order["order"], offer)

    def _show(self, order_id: int, lots: int) -> None:
        """A resting order shows more or less; one that shows nothing is not in the book.

        Directed offers are in no public book.
        """
        order = self.orders[order_id]
        before = order["shown"]
        order["shown"] = shown = before + lots
        if not order["firms"]:
            count = (1 if shown else 0) - (1 if before else 0)
            self._level(order["instrument"], order["side"], order["price"], lots, count)

    def _finish(self, order_id: int, state: str) -> None:
        order = self.orders.pop(order_id)
        firm_id = self.owners.pop(order_id)
        order["state"] = state
        order["open"] = order["shown"] = 0
        order["held"] = 0
        order["receipts"] = []
        self._offer_changed(order, firm_id)
        done = self.done.setdefault(firm_id, [])
        done.append(order)
        del done[:-DONE_ORDERS]

    def _offer(self, order: dict[str, Any], firm_id: int = 0) -> dict[str, Any]:
        return {
            "order": order["order"],
            "instrument": order["instrument"],
            "side": order["side"],
            "price": order["price"],
            "lots": order["lots"],
            "open": order["shown"],
            "least": order["least"],
            "firm": self.firm_code(firm_id or self.owners[order["order"]]),
            "at": order["at"],
            "receipts": [receipt_id for receipt_id, _ in order["receipts"]],
        }

    def _rested(self, event: OrderRested) -> None:
        self.orders[event.order_id]["state"] = "open"
        self._show(event.order_id, event.open_lots)
        self._order_changed(event.order_id)

    def _refreshed(self, event: OrderRefreshed) -> None:
        self._show(event.order_id, event.shown_lots)

    def _reduced(self, event: OrderReduced) -> None:
        if event.shown_lots:
            self._show(event.order_id, -event.shown_lots)
        order = self.orders[event.order_id]
        order["open"] = event.open_lots
        order["held"] -= event.freed_fen
        self._use(order, dict(event.receipts))
        self._cash(event.firm_id, event.freed_fen, -event.freed_fen, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, lots, -lots, 0)
        self._order_changed(event.order_id)

    def _suspended(self, event: OrderSuspended) -> None:
        if event.resting:
            self._show(event.order_id, -event.open_lots)
        self.orders[event.order_id]["state"] = "suspended"
        self._order_changed(event.order_id)

    def _resumed(self, event: OrderResumed) -> None:
        order = self.orders[event.order_id]
        order["state"] = "waiting" if order["stop"] else "open"
        self._order_changed(event.order_id)

    def _triggered(self, event: StopTriggered) -> None:
        order = self.orders[event.order_id]
        order["state"] = "open"
        order["stop"] = 0
        self._order_changed(event.order_id)

    @staticmethod
    def _use(order: dict[str, Any], used: dict[int, int]) -> None:
        """Take lots of receipts from what an order holds."""
        left = [[one, lots - used.get(one, 0)] for one, lots in order["receipts"]]
        order["receipts"] = [pair for pair in left if pair[1]]

    def _traded(self, event: TradeExecuted) -> None:
        lots = event.quantity_lots
        for order_id in (event.maker_order_id, event.taker_order_id):
            firm_id = self.owners[order_id]
            order = self.orders[order_id]
            if order["shown"] and (event.in_auction or order_id == event.maker_order_id):
                self._show(order_id, -lots)
            order["executed"] += lots
            order["open"] -= lots
            buys = order["side"] == Side.BUY
            if buys:
                order["held"] -= event.buyer_freed_fen
            else:
                self._use(order, {receipt_id: used for receipt_id, used, _ in event.receipts})
            self._order_changed(order_id)
            if order["open"] == 0:
                self._finish(order_id, "filled")
            fill = {
                "trade": event.trade_id,
                "order": order_id,
                "instrument": event.instrument_id,
                "side": order["side"],
                "price": event.price_ticks,
                "lots": lots,
                "weight": event.weight_kg,
                "value": event.value_fen,
                "fee": event.buyer_fee_fen if buys else event.seller_fee_fen,
                "at": self.at,
            }
            fills = self.fills.setdefault(firm_id, [])
            fills.append(fill)
            del fills[:-FILLS]
            self._touch(f"fills:{firm_id}", event.trade_id, fill)
        self._cash(
            event.buyer_firm_id,
            event.buyer_freed_fen - event.buyer_committed_fen,
            -event.buyer_freed_fen,
            event.buyer_committed_fen,
        )
        for receipt_id, used, _ in event.receipts:
            self._goods(event.seller_firm_id, receipt_id, 0, -used, used)
        self._market_data(event)
        contract = {
            "trade": event.trade_id,
            "instrument": event.instrument_id,
            "price": event.price_ticks,
            "lots": lots,
            "weight": event.weight_kg,
            "value": event.value_fen,
            "buyer": event.buyer_firm_id,
            "seller": event.seller_firm_id,
            "buyer_fee": event.buyer_fee_fen,
            "seller_fee": event.seller_fee_fen,
            "state": "open",
            "at": self.at,
            "settled_at": 0,
        }
        self.contracts[event.trade_id] = contract
        self._contract_changed(contract)

    def _cancelled(self, event: OrderCancelled) -> None:
        if event.resting:
            self._show(event.order_id, event.hidden_lots - event.cancelled_lots)
        self._order_changed(event.order_id)
        expired = event.reason == CancelReason.EXPIRED
        self.orders[event.order_id]["reason"] = CancelReason(event.reason).name
        self._finish(event.order_id, "expired" if expired else "cancelled")
        self._cash(event.firm_id, event.freed_fen, -event.freed_fen, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, lots, -lots, 0)

    def _amended(self, event: OrderAmended) -> None:
        kept = event.open_lots if event.kept_priority else 0
        self._show(event.order_id, kept - event.old_open_lots)
        order = self.orders[event.order_id]
        order["price"] = event.price_ticks
        order["lots"] = event.quantity_lots
        order["open"] = event.open_lots + event.hidden_lots
        order["held"] = event.held_fen
        order["receipts"] = [list(pair) for pair in event.receipts]
        more = event.held_fen - event.old_held_fen
        self._cash(event.firm_id, -more, more, 0)
        for receipt_id, lots in event.old_receipts:
            self._goods(event.firm_id, receipt_id, lots, -lots, 0)
        for receipt_id, lots in event.receipts:
            self._goods(event.firm_id, receipt_id, -lots, lots, 0)
        self._order_changed(event.order_id)

    # Events about cash and goods.

    def _cash(self, firm_id: int, available: int, held: int, committed: int) -> None:
        if not (available or held or committed):
            return
        sums = self.funds.setdefault(firm_id, [0, 0, 0])
        sums[0] += available
        sums[1] += held
        sums[2] += committed
        self._touch(f"funds:{firm_id}", 0, None)

    def _goods(
        self, firm_id: int, receipt_id: int, free: int, held: int, committed: int
    ) -> dict[str, Any]:
        receipt = self.receipts[firm_id][receipt_id]
        receipt["free"] += free
        receipt["held"] += held
        receipt["committed"] += committed
        self._touch(f"receipts:{firm_id}", receipt_id, receipt)
        if not (receipt["free"] or receipt["held"] or receipt["committed"]):
            receipt["weight"] = 0
            del self.receipts[firm_id][receipt_id]
        return receipt

    def _new_receipt(
        self,
        firm_id: int,
        receipt_id: int,
        root_id: int,
        instrument_id: int,
        lots: int,
        kg: int,
        day: int,
    ) -> None:
        receipt = {
            "receipt": receipt_id,
            "root": root_id,
            "instrument": instrument_id,
            "free": lots,
            "held": 0,
            "committed": 0,
            "weight": kg,
            "from_day": day,
        }
        self.receipts.setdefault(firm_id, {})[receipt_id] = receipt
        self._touch(f"receipts:{firm_id}", receipt_id, receipt)

    def _credited(self, event: CashCredited) -> None:
        self._cash(event.firm_id, event.amount_fen, 0, 0)

    def _reserved(self, event: CashReserved) -> None:
        self._cash(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def _debited(self, event: CashDebited) -> None:
        self._cash(event.firm_id, 0, 0, -event.amount_fen)

    def _released(self, event: CashReleased) -> None:
        self._cash(event.firm_id, event.amount_fen, 0, -event.amount_fen)

    def _bonded(self, event: BidderJoined) -> None:
        self._cash(event.firm_id, -event.bond_fen, event.bond_fen, 0)

    def _bond_released(self, event: BondReleased) -> None:
        self._cash(event.firm_id, event.bond_fen, -event.bond_fen, 0)

    def _goods_credited(self, event: GoodsCredited) -> None:
        self._new_receipt(
            event.firm_id,
            event.receipt_id,
            event.root_id,
            event.instrument_id,
            event.lots,
            event.weight_kg,
            event.sellable_from_day,
        )

    def _goods_debited(self, event: GoodsDebited) -> None:
        receipt = self._goods(event.firm_id, event.receipt_id, -event.lots, 0, 0)
        receipt["weight"] = max(receipt["weight"] - event.weight_kg, 0)

    def _settled(self, event: TradeSettled) -> None:
        back = event.buyer_committed_fen - event.value_fen - event.buyer_fee_fen
        self._cash(event.buyer_firm_id, back, 0, -event.buyer_committed_fen)
        self._cash(event.seller_firm_id, event.value_fen - event.seller_fee_fen, 0, 0)
        for source_id, receipt_id, lots, kg in event.moves:
            source = self._goods(event.seller_firm_id, source_id, 0, 0, -lots)
            source["weight"] = max(source["weight"] - kg, 0)
            self._new_receipt(
                event.buyer_firm_id,
                receipt_id,
                source["root"],
                event.instrument_id,
                lots,
                kg,
                event.sellable_from_day,
            )
        contract = self.contracts.pop(event.trade_id)
        contract["state"] = "settled"
        contract["settled_at"] = self.at
        self._end_contract(contract)

    def _busted(self, event: TradeBusted) -> None:
        """Both sides have back what the trade bound; the day's volume is corrected."""
        back = event.buyer_committed_fen
        self._cash(event.buyer_firm_id, back, 0, -back)
        for receipt_id, lots, _ in event.receipts:
            self._goods(event.seller_firm_id, receipt_id, lots, 0, -lots)
        contract = self.contracts.pop(event.trade_id)
        contract["state"] = "busted"
        contract["settled_at"] = self.at
        row = self._ticker(event.instrument_id)
        row["volume"] = max(row["volume"] - contract["lots"], 0)
        row["turnover"] = max(row["turnover"] - contract["value"], 0)
        self._end_contract(contract)

    def _paid(self, event: TradePaid) -> None:
        self._cash(event.firm_id, -event.amount_fen, 0, event.amount_fen)

    def _discharged(self, event: TradeDischarged) -> None:
        """A part of a contract was exchanged; it ends when it binds nothing more."""
        spent = event.to_seller_fen + event.to_buyer_fen + event.fees_fen
        self._cash(event.buyer_firm_id, event.to_buyer_fen + event.penalty_fen, 0, -spent)
        self._cash(event.seller_firm_id, event.to_seller_fen - event.penalty_fen, 0, 0)
        for receipt_id, lots, kg in event.delivered:
            receipt = self._goods(event.seller_firm_id, receipt_id, 0, 0, -lots)
            receipt["weight"] = max(receipt["weight"] - kg, 0)
        for receipt_id, lots, _ in event.returned:
            self._goods(event.seller_firm_id, receipt_id, lots, 0, -lots)
        if event.committed_fen or event.open_lots:
            return
        contract = self.contracts.pop(event.trade_id)
        contract["state"] = "ended"
        contract["settled_at"] = self.at
        self._end_contract(contract)

    def _end_contract(self, contract: dict[str, Any]) -> None:
        self._contract_changed(contract)
        for firm_id in (contract["buyer"], contract["seller"]):
            settled = self.settled.setdefault(firm_id, [])
            settled.append(self._contract(contract, firm_id))
            del settled[:-SETTLED_CONTRACTS]

    def _contract_changed(self, contract: dict[str, Any]) -> None:
        for firm_id in (contract["buyer"], contract["seller"]):
            self._touch(
                f"contracts:{firm_id}", contract["trade"], self._contract(contract, firm_id)
            )

    def _contract(self, contract: dict[str, Any], firm_id: int) -> dict[str, Any]:
        buys = contract["buyer"] == firm_id
        return {
            "trade": contract["trade"],
            "instrument": contract["instrument"],
            "side": 1 if buys else 2,
            "price": contract["price"],
            "lots": contract["lots"],
            "weight": contract["weight"],
            "value": contract["value"],
            "fee": contract["buyer_fee"] if buys else contract["seller_fee"],
            "counterparty": self.firm_code(contract["seller"] if buys else contract["buyer"]),
            "state": contract["state"],
            "at": contract["at"],
            "settled_at": contract["settled_at"],
        }


FIRM_EVENTS: Final[dict[type, Callable[[Any, Any], None]]] = {
    OrderEntered: FirmFeeds._entered,
    OrderRested: FirmFeeds._rested,
    TradeExecuted: FirmFeeds._traded,
    OrderCancelled: FirmFeeds._cancelled,
    OrderAmended: FirmFeeds._amended,
    OrderRefreshed: FirmFeeds._refreshed,
    OrderReduced: FirmFeeds._reduced,
    OrderSuspended: FirmFeeds._suspended,
    OrderResumed: FirmFeeds._resumed,
    StopTriggered: FirmFeeds._triggered,
    TradeBusted: FirmFeeds._busted,
    TradePaid: FirmFeeds._paid,
    TradeDischarged: FirmFeeds._discharged,
    CashCredited: FirmFeeds._credited,
    CashReserved: FirmFeeds._reserved,
    CashDebited: FirmFeeds._debited,
    CashReleased: FirmFeeds._released,
    BidderJoined: FirmFeeds._bonded,
    BondReleased: FirmFeeds._bond_released,
    GoodsCredited: FirmFeeds._goods_credited,
    GoodsDebited: FirmFeeds._goods_debited,
    TradeSettled: FirmFeeds._settled,
}
