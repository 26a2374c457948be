"""Settlement's commands: money and goods in and out, trades paid, discharged or undone."""

from __future__ import annotations

from typing import Any

from matching import commands as c
from tests.matching.naive.operating import Operating
from tests.matching.naive.records import DAY_MOST, HOLDERS, MOST, RECEIPTS, Receipt, Trade


class Settling(Operating):
    """What becomes of money, goods and trades."""

    # Money.

    def do_CreditCash(self, command: c.CreditCash) -> str:
        if self.wrong(command.amount_fen):
            return "INVALID"
        if self.cash_in + command.amount_fen > MOST:
            return "LIMIT"
        self.cash_in += command.amount_fen
        self.firms[command.firm_id].cash += command.amount_fen
        self.notes.append(("cash", "credited", command.firm_id, command.amount_fen))
        return ""

    def do_ReserveCash(self, command: c.ReserveCash) -> str:
        if self.wrong(command.amount_fen):
            return "INVALID"
        if command.amount_fen > self.firms[command.firm_id].cash:
            return "CASH"
        self.firms[command.firm_id].cash -= command.amount_fen
        self.reserves[command.op_id] = (command.firm_id, command.amount_fen)
        self.notes.append(("cash", "reserved", command.firm_id, command.amount_fen))
        return ""

    def do_DebitCash(self, command: c.DebitCash) -> str:
        if command.reserve_op_id not in self.reserves:
            return "UNKNOWN_OPERATION"
        self.notes.append(("cash", "debited", *self.reserves.pop(command.reserve_op_id)))
        return ""

    def do_ReleaseCash(self, command: c.ReleaseCash) -> str:
        if command.reserve_op_id not in self.reserves:
            return "UNKNOWN_OPERATION"
        firm, amount = self.reserves.pop(command.reserve_op_id)
        self.firms[firm].cash += amount
        self.notes.append(("cash", "released", firm, amount))
        return ""

    # Goods.

    def do_CreditGoods(self, command: c.CreditGoods) -> str:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return "UNKNOWN_INSTRUMENT"
        number, root, lots, kg = (
            command.receipt_id, command.root_id, command.lots, command.weight_kg,
        )  # fmt: skip
        if self.wrong(number, root, lots) or not 0 <= command.sellable_from_day <= DAY_MOST:
            return "INVALID"
        if number in self.receipts:
            return "ALREADY_DEFINED"
        known = self.holders.get(root, {})
        if len(known) >= HOLDERS and command.firm_id not in known:
            return "HOLDER_LIMIT"
        terms = market.terms
        if terms.piece_max_kg:
            if lots != 1:
                return "ABOVE_MAXIMUM"
            if not terms.piece_min_kg <= kg <= terms.piece_max_kg:
                return "RECEIPT_WEIGHT"
        elif kg != lots * terms.lot_kg:
            return "RECEIPT_WEIGHT"
        where = command.instrument_id
        if self.goods_in.get(where, 0) + lots > MOST or kg > MOST:
            return "LIMIT"
        self.goods_in[where] = self.goods_in.get(where, 0) + lots
        self.receipts[number] = Receipt(
            number, root, command.firm_id, where, lots, kg if terms.piece_max_kg else 0,
            command.sellable_from_day,
        )  # fmt: skip
        self.come_to_hold(root, command.firm_id)
        self.notes.append(("goods", "credited", number, root, command.firm_id, where, lots, kg))
        self.clear_full()
        return ""

    def do_DebitGoods(self, command: c.DebitGoods) -> str:
        receipt = self.receipts.get(command.receipt_id)
        if receipt is None:
            return "UNKNOWN_RECEIPT"
        if self.wrong(command.lots):
            return "INVALID"
        if command.lots > receipt.free:
            return "GOODS"
        receipt.free -= command.lots
        weight = self.kg(receipt, command.lots)
        self.notes.append(("goods", "debited", receipt.number, receipt.firm, command.lots, weight))
        self.forget_empty()
        return ""

    # Trades.

    def do_PayTrade(self, command: c.PayTrade) -> str:
        trade = self.trades.get(command.trade_id)
        if trade is None:
            return "UNKNOWN_TRADE"
        if self.wrong(command.amount_fen):
            return "INVALID"
        if command.amount_fen > self.firms[trade.buyer].cash:
            return "CASH"
        self.firms[trade.buyer].cash -= command.amount_fen
        trade.bound += command.amount_fen
        self.notes.append(("paid", command.trade_id, command.amount_fen, trade.bound))
        return ""

    def do_SettleTrade(self, command: c.SettleTrade) -> str:
        trade = self.trades.get(command.trade_id)
        if trade is None:
            return "UNKNOWN_TRADE"
        if trade.begun:
            return "SETTLING"
        paid = trade.value + trade.buyer_fee
        if paid > trade.bound:
            return "CASH"
        new = command.new_receipt_ids
        if len(new) != len(trade.goods) or len(set(new)) != len(new):
            return "INVALID"
        if not 0 <= command.sellable_from_day <= DAY_MOST:
            return "INVALID"
        for number in new:
            if self.wrong(number):
                return "INVALID"
            if number in self.receipts:
                return "ALREADY_DEFINED"
        del self.trades[command.trade_id]
        self.firms[trade.buyer].cash += trade.bound - paid
        self.firms[trade.seller].cash += trade.value - trade.seller_fee
        moves = []
        sources = [self.receipts[number] for number, _ in trade.goods]
        self.forget_empty()
        for source, (number, lots), fresh in zip(sources, trade.goods, new, strict=True):
            # A receipt that passes whole keeps its number; it is the newest of its new owner.
            passed = fresh if number in self.receipts else number
            self.receipts[passed] = Receipt(
                passed, source.root, trade.buyer, source.where, lots, source.kg,
                command.sellable_from_day,
            )  # fmt: skip
            moves.append((number, passed, lots, self.kg(source, lots)))
        self.notes.append(("settled", command.trade_id, trade.bound, moves))
        return ""

    def do_BustTrade(self, command: c.BustTrade) -> str:
        if self.wrong(command.actor_id, command.approver_id) or not self.told(command.reason):
            return "INVALID"
        if command.actor_id == command.approver_id:
            return "TWO_PERSONS"
        trade = self.trades.get(command.trade_id)
        if trade is None:
            return "UNKNOWN_TRADE"
        if trade.begun:
            return "SETTLING"
        if self.now - trade.at > 15 * 60 * 1_000_000:
            return "BUST_WINDOW"
        del self.trades[command.trade_id]
        self.firms[trade.buyer].cash += trade.bound
        for number, lots in trade.goods:
            self.receipts[number].free += lots
            self.never_held(self.receipts[number].root, trade.buyer)
        self.notes.append(("busted", command.trade_id, trade.bound, trade.goods))
        return ""

    def told(self, reason: str) -> bool:
        return 0 < len(reason) <= 200

    def do_DischargeTrade(self, command: c.DischargeTrade) -> str:
        trade = self.trades.get(command.trade_id)
        if trade is None:
            return "UNKNOWN_TRADE"
        out, back = command.delivered, command.returned
        money = (command.to_seller_fen, command.to_buyer_fen, command.fees_fen)
        penalty = command.penalty_fen
        if any(not 0 <= amount <= MOST for amount in (*money, penalty)):
            return "INVALID"
        if self.wrong(*(lots for _, lots in (*out, *back))) or len(out + back) > 2 * RECEIPTS:
            return "INVALID"
        if not (out or back or any(money) or penalty):
            return "INVALID"
        if len({n for n, _ in out}) < len(out) or len({n for n, _ in back}) < len(back):
            return "INVALID"
        for number, _ in (*out, *back):
            bound = sum(lots for n, lots in trade.goods if n == number)
            if sum(lots for n, lots in (*out, *back) if n == number) > bound:
                return "GOODS"
        if sum(money) > trade.bound or penalty > self.firms[trade.seller].cash:
            return "CASH"
        trade.begun = True
        trade.bound -= sum(money)
        self.firms[trade.buyer].cash += command.to_buyer_fen + penalty
        self.firms[trade.seller].cash += command.to_seller_fen - penalty
        moved = self.move(trade, dict(out), dict(back))
        stays = sum(lots for _, lots in trade.goods)
        if not trade.bound and not stays:
            del self.trades[command.trade_id]
        self.forget_empty()
        self.notes.append(
            ("discharged", command.trade_id, *moved, *money, penalty, trade.bound, stays)
        )
        return ""

    def move(
        self, trade: Trade, out: dict[int, int], back: dict[int, int]
    ) -> tuple[list[Any], list[Any]]:
        """Deliver and return lots of a trade's receipts: (number, lots, kg) of both."""
        delivered: list[Any] = []
        returned: list[Any] = []
        stays = []
        for number, bound in trade.goods:
            receipt, gone, home = self.receipts[number], out.get(number, 0), back.get(number, 0)
            receipt.free += home
            if gone:
                delivered.append((number, gone, self.kg(receipt, gone)))
                trade.had.add(number)
            if home:
                returned.append((number, home, self.kg(receipt, home)))
            if bound > gone + home:
                stays.append([number, bound - gone - home])
            elif number not in trade.had:
                self.never_held(receipt.root, trade.buyer)
        trade.goods = stays
        return delivered, returned
