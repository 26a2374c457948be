"""What Hypothesis may ask of both venues beside orders: settlement, negotiation, auctions, terms.

Each rule gives one command, or the few that belong together, so that what it finds shrinks well.
`worse` spoils one number of a command: (which one, what it becomes).
"""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from matching import commands as c
from tests.matching.naive_pair import CROWDED, HAMMER, MARKETS, TALKED, TERMS, Pair

MOST = 2**53 - 1
HOSTILE = (0, -1, MOST, MOST + 1, 2**62)
SECOND = 1_000_000
Command = TypeVar("Command", bound=msgspec.Struct)


def mostly(usual: st.SearchStrategy[int], *rare: int) -> st.SearchStrategy[int]:
    """The usual, and now and then what nobody should send."""
    return st.integers(0, 24).flatmap(lambda n: st.sampled_from(rare) if n == 24 else usual)


def spoilt(command: Command, worse: tuple[int, int] | None) -> Command:
    """The command with one of its numbers changed, if any is to be."""
    numbers = [
        name
        for name, value in msgspec.structs.asdict(command).items()
        if isinstance(value, int) and not isinstance(value, (bool, Enum))
    ]
    if worse is None or not numbers:
        return command
    return msgspec.structs.replace(command, **{numbers[worse[0] % len(numbers)]: worse[1]})


CAST = st.integers(1, 4)
FIRMS = mostly(CAST, 9, *HOSTILE)  # firm 1 is poor in money, firm 4 in goods
PLACES = mostly(st.sampled_from(MARKETS), 99, *HOSTILE)
SIDES = st.sampled_from(c.Side)
BACK = st.integers(0, 3)  # how many back from the last
NEAR = st.integers(97, 103)
FEW = st.sampled_from((2, 2, 3, 4, 6))
WHOM = st.sampled_from((0, 0, 0, 0, 0, 1, 3))  # 0: whose turn it is
NAMES = st.sampled_from(((), (), (0,), (1, 0), (0, 0), (9,)))  # by place among a firm's own
WORSE = st.integers(0, 19).flatmap(
    lambda n: (
        st.tuples(st.integers(0, 18), st.sampled_from((*HOSTILE, 1, 7))) if n == 19 else st.none()
    )
)


class Both(RuleBasedStateMachine):
    """Both venues, and how they are spoken to."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = self.start()
        self.operations: list[c.OperationCommand] = []

    def start(self) -> Pair:
        return Pair()

    def who(self, firm: int, trader: int = 1, stamp: int = 0) -> tuple[int, int, str, int]:
        self.pair.ids += 1
        return firm, trader, f"c{self.pair.ids}", self.pair.now + stamp

    def op(self) -> str:
        self.pair.ids += 1
        return f"o{self.pair.ids}"

    def operate(self, command: c.OperationCommand, worse: tuple[int, int] | None = None) -> None:
        self.operations.append(spoilt(command, worse))
        self.pair.give(self.operations[-1])  # type: ignore[arg-type]

    def own(self, firm: int, where: int, places: tuple[int, ...]) -> tuple[int, ...]:
        """Receipts of a firm by their place among its own; a strange one where it has none."""
        mine = [
            r.number
            for r in self.pair.naive.receipts.values()
            if (r.firm, r.where) == (firm, where)
        ]
        return tuple(mine[place] if place < len(mine) else 111 for place in places)


class Settled(Both):
    """Money, goods and trades."""

    @rule(firm=FIRMS, amount=mostly(st.integers(1, 300_000), *HOSTILE), out=st.booleans())
    def move_cash(self, firm: int, amount: int, out: bool) -> None:
        kind = c.ReserveCash if out else c.CreditCash
        self.operate(kind(self.op(), firm, amount))

    @rule(back=BACK, paid=st.booleans())
    def end_reserve(self, back: int, paid: bool) -> None:
        names = ["none", *self.pair.naive.reserves]
        kind = c.DebitCash if paid else c.ReleaseCash
        self.operate(kind(self.op(), names[-1 - back % len(names)]))

    @rule(firm=FIRMS, where=PLACES, lots=st.integers(1, 6), day=st.sampled_from((0, 0, 1, 40)),
          again=st.integers(0, 9), kg=st.sampled_from((805, 955, 1_005, 1_150)), worse=WORSE,
          part=st.booleans())  # fmt: skip
    def register(self, firm: int, where: int, lots: int, day: int, again: int, kg: int,
                 worse: tuple[int, int] | None, part: bool) -> None:  # fmt: skip
        terms = TERMS[where - 1] if where in MARKETS else TERMS[0]
        if terms.piece_max_kg:
            lots = 1
        op = self.op()
        number = 10_000 + self.pair.ids if again else 110
        root = where * 100 if part and where in CROWDED else number
        self.operate(
            c.CreditGoods(
                op, number, root, firm, where, lots, kg if terms.piece_max_kg else lots * 1_000,
                day and self.pair.naive.day + day,
            ),
            worse,
        )  # fmt: skip

    @rule(
        place=st.integers(0, 40), lots=mostly(st.integers(1, 20), *HOSTILE), all_free=st.booleans()
    )
    def collect(self, place: int, lots: int, all_free: bool) -> None:
        receipts = list(self.pair.naive.receipts.values())
        receipt = receipts[place % len(receipts)]
        self.operate(c.DebitGoods(self.op(), receipt.number, receipt.free if all_free else lots))

    @rule(place=st.integers(0, 40), lots=mostly(st.integers(0, 12), *HOSTILE),
          offered=st.sampled_from((True, True, True, False)),
          whose=mostly(st.sampled_from((0, 0, 0, 1, 3)), *HOSTILE))  # fmt: skip
    def withhold(self, place: int, lots: int, offered: bool, whose: int) -> None:
        """Lots of a receipt must leave the market, mostly of one that orders hold."""
        orders = self.pair.naive.orders.values() if offered else []
        numbers = [number for order in orders for number, _ in order.goods]
        numbers = numbers or list(self.pair.naive.receipts) or [1]
        self.operate(c.WithholdGoods(self.op(), numbers[place % len(numbers)], lots, whose))

    def trade(self, back: int) -> int:
        known = list(self.pair.naive.trades) or [1]
        return known[-1 - back % len(known)]

    @precondition(lambda self: self.pair.naive.trades)
    @rule(back=BACK, repeated=st.sampled_from((0, 0, 0, 1)), day=st.sampled_from((0, 0, 2)),
          worse=WORSE)  # fmt: skip
    def settle(self, back: int, repeated: int, day: int, worse: tuple[int, int] | None) -> None:
        number, op = self.trade(back), self.op()
        count = len(self.pair.naive.trades[number].goods)
        new = [20_000 + 64 * self.pair.ids + place for place in range(count - repeated)]
        new += [*self.pair.naive.receipts][:repeated]
        until = day and self.pair.naive.day + day
        self.operate(c.SettleTrade(op, number, tuple(new), until), worse)

    @precondition(lambda self: self.pair.naive.trades)
    @rule(back=BACK, part=st.sampled_from((1, 1, 2)), worse=WORSE)
    def pay(self, back: int, part: int, worse: tuple[int, int] | None) -> None:
        number = self.trade(back)
        trade = self.pair.naive.trades[number]
        due = max((trade.value + trade.buyer_fee - trade.bound) // part, 1)
        self.operate(c.PayTrade(self.op(), number, due), worse)

    @precondition(lambda self: self.pair.naive.trades)
    @rule(back=BACK, out=st.sampled_from((0, 1, 2)), home=st.sampled_from((0, 0, 1, 2)),
          share=st.sampled_from((0, 1, 2)), to=st.integers(0, 2),
          penalty=st.sampled_from((0, 0, 1, 10**7)), twice=st.integers(0, 9),
          worse=WORSE)  # fmt: skip
    def discharge(self, back: int, out: int, home: int, share: int, to: int, penalty: int,
                  twice: int, worse: tuple[int, int] | None) -> None:  # fmt: skip
        """Half (2) or all (1) of each receipt out, the same of the rest back; so of the money."""
        number = self.trade(back)
        trade = self.pair.naive.trades[number]
        delivered, returned = [], []
        for receipt, bound in trade.goods:
            gone = -(-bound // out) if out else 0
            back_home = (bound - gone) // home if home else 0
            if gone:
                delivered.append((receipt, gone))
            if back_home:
                returned.append((receipt, back_home))
        if not twice:
            delivered += delivered[:1]
        amount = trade.bound // share if share else 0
        paid, freed, fees = (amount if place == to else 0 for place in range(3))
        self.operate(
            c.DischargeTrade(
                self.op(), number, tuple(delivered), tuple(returned), paid, freed, fees, penalty
            ),
            worse,
        )  # fmt: skip

    @rule(back=st.integers(0, 4), approver=st.sampled_from((2, 2, 2, 1)),
          reason=st.sampled_from(("test", "test", "test", "", "x" * 201)))  # fmt: skip
    def bust(self, back: int, approver: int, reason: str) -> None:
        number = self.pair.naive.trade_numbers - back
        self.operate(c.BustTrade(self.op(), number, 1, approver, reason))

    @precondition(lambda self: self.operations)
    @rule(back=BACK, worse=WORSE)
    def repeat_operation(self, back: int, worse: tuple[int, int] | None) -> None:
        command = self.operations[-1 - back % len(self.operations)]
        self.pair.give(spoilt(command, worse))  # type: ignore[arg-type]

    @rule(name=st.sampled_from(("", "x" * 64, "x" * 65)))
    def credit_by_a_strange_name(self, name: str) -> None:
        self.operate(c.CreditCash(name, 1, 1))


class Talked(Both):
    """Negotiation."""

    @rule(firm=CAST, other=mostly(st.sampled_from((3, 4, 1)), 2, 9, *HOSTILE), side=SIDES,
          price=NEAR, lots=FEW, seconds=st.sampled_from((0, 5, 60, 60)), names=NAMES,
          where=st.sampled_from((TALKED,) * 9 + (1,)), worse=WORSE)  # fmt: skip
    def invite(self, firm: int, other: int, side: c.Side, price: int, lots: int, seconds: int,
               names: tuple[int, ...], where: int,
               worse: tuple[int, int] | None) -> None:  # fmt: skip
        named = self.own(firm, where, names) if side == c.Side.SELL else ()
        until = self.pair.now + seconds * SECOND
        self.pair.give(spoilt(
            c.Invite(*self.who(firm), where, other, side, price, lots, until, named), worse
        ))  # fmt: skip

    @precondition(lambda self: self.pair.naive.talks)
    @rule(back=BACK, whom=WHOM, price=NEAR, lots=FEW, seconds=st.sampled_from((0, 5, 60, 60)),
          names=NAMES, worse=WORSE)  # fmt: skip
    def counter(self, back: int, whom: int, price: int, lots: int, seconds: int,
                names: tuple[int, ...], worse: tuple[int, int] | None) -> None:  # fmt: skip
        talk = list(self.pair.naive.talks.values())[-1 - back % len(self.pair.naive.talks)]
        firm = whom or talk.other
        named = self.own(firm, TALKED, names) if talk.live.buys else ()
        until = self.pair.now + seconds * SECOND
        self.pair.give(spoilt(
            c.Counter(*self.who(firm), talk.number, price, lots, until, named), worse
        ))  # fmt: skip

    @precondition(lambda self: self.pair.naive.talks)
    @rule(back=BACK, whom=WHOM, old=st.sampled_from((0, 0, 0, 0, 1)), names=NAMES, worse=WORSE)
    def accept(self, back: int, whom: int, old: int, names: tuple[int, ...],
               worse: tuple[int, int] | None) -> None:  # fmt: skip
        talk = list(self.pair.naive.talks.values())[-1 - back % len(self.pair.naive.talks)]
        firm = whom or talk.other
        named = self.own(firm, TALKED, names) if talk.live.buys else ()
        self.pair.give(
            spoilt(c.Accept(*self.who(firm), talk.number, talk.round - old, named), worse)
        )

    @rule(number=st.integers(0, 4), firm=FIRMS)
    def decline(self, number: int, firm: int) -> None:
        self.pair.give(c.Decline(*self.who(firm), number))


class Auctioned(Both):
    """One-way auctions."""

    @rule(firm=CAST, side=SIDES, form=st.sampled_from(c.AuctionForm),
          lots=st.sampled_from((4, 6, 8)), above=st.integers(0, 3),
          step=st.sampled_from((1, 2)), up=st.integers(1, 3),
          bond=st.sampled_from((0, 1_000, 50_000)), extends=st.booleans(), uniform=st.booleans(),
          names=NAMES, joins=st.booleans(), worse=WORSE)  # fmt: skip
    def announce(self, firm: int, side: c.Side, form: c.AuctionForm, lots: int, above: int,
                 step: int, up: int, bond: int, extends: bool, uniform: bool,
                 names: tuple[int, ...], joins: bool,
                 worse: tuple[int, int] | None) -> None:  # fmt: skip
        sells, dutch = side == c.Side.SELL, form == c.AuctionForm.DUTCH
        rising = form == c.AuctionForm.ASCENDING
        opens = self.pair.now + SECOND
        number = self.pair.naive.last_one_way + 1
        self.operate(
            c.AnnounceAuction(
                self.op(), number, HAMMER, firm, side, form, lots,
                96 + above if sells else 104 - above, (104 if sells else 96) if dutch else 0,
                0 if form == c.AuctionForm.SEALED else up, 2, step, bond, opens,
                0 if dutch else opens + 60 * SECOND, 30 * SECOND if rising and extends else 0,
                2 if rising and extends else 0, 5 * SECOND if dutch else 0, uniform and not dutch,
                self.own(firm, HAMMER, names) if sells else (),
            ),
            worse,
        )  # fmt: skip
        if joins and number in self.pair.naive.one_ways:
            for bidder in (1, 3, 4):
                self.pair.give(c.JoinAuction(*self.who(bidder), number))
            self.pair.wait(SECOND)

    def number(self, back: int) -> int:
        known = list(self.pair.naive.one_ways) or [1]
        return known[-1 - back % len(known)]

    @rule(back=BACK, firm=FIRMS)
    def join(self, back: int, firm: int) -> None:
        self.pair.give(c.JoinAuction(*self.who(firm), self.number(back)))

    @precondition(lambda self: self.pair.naive.one_ways)
    @rule(back=BACK, firm=CAST, price=NEAR, lots=FEW, part=st.booleans(), names=NAMES, worse=WORSE)
    def bid(self, back: int, firm: int, price: int, lots: int, part: bool, names: tuple[int, ...],
            worse: tuple[int, int] | None) -> None:  # fmt: skip
        number = self.number(back)
        procures = self.pair.naive.one_ways[number].rules.side == c.Side.BUY
        named = self.own(firm, HAMMER, names) if procures else ()
        self.pair.give(spoilt(c.PlaceBid(*self.who(firm), number, price, lots, part, named), worse))

    @rule(back=BACK, reason=st.sampled_from(("rain", "rain", "", "x" * 201)))
    def withdraw(self, back: int, reason: str) -> None:
        self.operate(c.WithdrawAuction(self.op(), self.number(back), reason))

    @rule(seconds=st.sampled_from((1, 5, 30, 60)))
    def let_time_pass(self, seconds: int) -> None:
        self.pair.wait(seconds * SECOND)


class Defined(Both):
    """Firms and instruments."""

    @rule(firm=mostly(st.integers(1, 6), *HOSTILE), group=mostly(st.integers(1, 4), *HOSTILE))
    def define_firm(self, firm: int, group: int) -> None:
        self.pair.give(c.DefineFirm(firm, group))

    @rule(terms=st.sampled_from(TERMS), new=st.booleans(), worse=st.tuples(
        st.integers(0, 18), st.sampled_from((*HOSTILE, 1, 3, 7, 10_001))
    ))  # fmt: skip
    def define_instrument(
        self, terms: c.DefineInstrument, new: bool, worse: tuple[int, int]
    ) -> None:
        number = 100 + self.pair.seq + len(self.pair.naive.markets) if new else terms.instrument_id
        self.pair.give(spoilt(msgspec.structs.replace(terms, instrument_id=number), worse))
