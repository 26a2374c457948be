"""Commands by chance, for the engine and the naive venue alike: sensible ones, and hostile ones.

A campaign has a theme, which says what is asked often; everything is asked now and then.
"""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Any, TypeVar

import msgspec

from matching import commands as c
from tests.matching.naive_pair import (
    CALLED,
    COAL,
    COIL,
    CROWDED,
    DEPOSIT,
    GROUPS,
    HAMMER,
    LOCKED,
    MARKETS,
    PIECES,
    POSTED,
    TALKED,
    TERMS,
    WILD,
    Pair,
)

Command = TypeVar("Command", bound=msgspec.Struct)
MOST = 2**53 - 1
HOSTILE = (0, -1, MOST, MOST + 1, 2**62)
SECOND = 1_000_000
WAITS = (1, 400_000, 5 * SECOND, 40 * SECOND, 901 * SECOND)
ENTERED = (COAL, LOCKED, POSTED, WILD, COIL, DEPOSIT)

WRONG_TERMS: tuple[dict[str, int], ...] = (
    {},
    {"max_lots": 1, "min_lots": 2},
    {"min_lots": 3, "step_lots": 2},
    {"low_ticks": 101},
    {"piece_min_kg": 0, "piece_max_kg": 5},
    {"dynamic_bp": 50, "call_seconds": 0},
    {"dynamic_bp": 50, "call_seconds": 86_401},
    {"dynamic_bp": 50, "call_seconds": 5},
    {"cover_bp": 10_001},
    {"approval_id": 0},
    {"tick_fen_per_t": 3},
    {"tick_fen_per_t": 100, "piece_min_kg": 1, "piece_max_kg": 1_001},
)

# What is asked how often: enter, change, take, operate, settle, talk, auction; where orders go.
THEMES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "books": ((50, 12, 14, 18, 6, 0, 0), (COAL, LOCKED, POSTED, WILD)),
    "goods": ((40, 8, 12, 8, 32, 0, 0), (COIL, DEPOSIT, DEPOSIT, POSTED, COAL)),
    "crowd": ((44, 6, 24, 4, 14, 4, 4), (COAL, COAL, POSTED)),
    "talks": ((6, 2, 2, 12, 10, 68, 0), ENTERED),
    "auctions": ((6, 2, 2, 8, 6, 0, 76), ENTERED),
    "all": ((22, 6, 10, 14, 16, 16, 16), ENTERED),
}


class Chance(Pair):
    """A pair that is given commands by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.theme = list(THEMES)[seed % len(THEMES)]
        super().__init__(crowded=self.theme == "crowd")
        self.operations: list[c.OperationCommand] = []
        self.asked: list[c.ClientCommand] = []
        self.withheld: list[c.CreditGoods] = []  # what may come back

    def who(self, firm: int) -> tuple[int, int, str, int]:
        self.ids += 1
        return firm, self.chance.randint(1, 2), f"c{self.ids}", self.now

    def op(self) -> str:
        self.ids += 1
        return f"o{self.ids}"

    def step(self) -> None:
        chance = self.chance
        draw = chance.random()
        if draw < 0.06:
            self.wait(chance.choice(WAITS))
        elif draw < 0.08:
            self.go_on_from_a_snapshot()
        elif draw < 0.10 and (self.operations or self.asked):
            self.give(self.again())
        elif draw < 0.12:
            self.withhold()
        else:
            weights = THEMES[self.theme][0]
            asks = (
                self.enter, self.change, self.take, self.operate, self.settle, self.talk,
                self.auction,
            )  # fmt: skip
            (ask,) = chance.choices(asks, weights)
            command = ask()
            if chance.random() < 0.04:
                command = self.spoilt(command)
            if isinstance(command, c.OperationCommand):
                self.operations.append(command)
            elif isinstance(command, c.ClientCommand):
                self.asked.append(command)
            self.give(command)

    def again(self) -> c.AnyCommand:
        """One that was given before, as it was or not quite."""
        command: Any = self.chance.choice([*self.operations[-9:], *self.asked[-3:]])
        again: c.AnyCommand = command if self.chance.random() < 0.7 else self.spoilt(command)
        return again

    def spoilt(self, command: Command) -> Command:
        """The command with one number that nobody should send."""
        numbers = {
            name: value
            for name, value in msgspec.structs.asdict(command).items()
            if isinstance(value, int) and not isinstance(value, (bool, Enum))
        }
        special = getattr(command, "special", None)
        if special is not None and self.chance.random() < 0.5:
            return msgspec.structs.replace(command, special=self.spoilt(special))
        if not numbers:
            return command
        name = self.chance.choice(list(numbers))
        worse = (*HOSTILE, numbers[name] + 1, numbers[name] - 1)
        return msgspec.structs.replace(command, **{name: self.chance.choice(worse)})

    # Orders.

    def named(self, firm: int, where: int) -> tuple[int, ...]:
        """Receipts that a sale names: mostly none, or some of its own; now and then nonsense."""
        chance = self.chance
        if chance.random() < 0.6:
            return ()
        if chance.random() < 0.1:
            return tuple(chance.choices(list(self.naive.receipts) or [1], k=chance.choice((2, 65))))
        own = [r.number for r in self.naive.receipts.values() if (r.firm, r.where) == (firm, where)]
        names = tuple(chance.sample(own, min(len(own), chance.randint(1, 3))))
        return names if chance.random() < 0.96 else names + names

    def price(self) -> int:
        return self.chance.randint(97, 103) if self.chance.random() < 0.9 else self.far_price()

    def far_price(self) -> int:
        return self.chance.randint(93, 107)

    def trader(self, side: c.Side) -> int:
        """A firm that trades on one side: of a crowded root it is firm 1 that sells."""
        if self.theme == "crowd" and self.chance.random() < 0.7:
            return 1 if side == c.Side.SELL else self.chance.choice((3, 4))
        return self.chance.randint(1, 4)

    def enter(self) -> c.AnyCommand:
        chance = self.chance
        where = chance.choice(THEMES[self.theme][1] if chance.random() < 0.98 else MARKETS)
        listed = where in (POSTED, COIL) and chance.random() < 0.95
        tifs = [c.TimeInForce.DAY] * 4 + [c.TimeInForce.GTC]
        if not listed:
            tifs += [c.TimeInForce.IOC, c.TimeInForce.FOK]
        tif = chance.choice(tifs)
        special = None
        if chance.random() < (0.2 if listed else 0.4):
            tif, special = self.special(tif, listed=listed)
        side = chance.choice(list(c.Side))
        firm = self.trader(side)
        most = (1, 1, 2, 3, 5) if where in PIECES else (2, 2, 2, 4, 4, 6, 8, 12)
        lots = chance.choice(most) if chance.random() < 0.95 else chance.choice((1, 3, 26))
        names = self.named(firm, where) if side == c.Side.SELL or chance.random() < 0.02 else ()
        return c.EnterOrder(
            *self.who(firm), where, side, tif, self.price(), lots, names, special,
            chance.randint(0, 2),
        )  # fmt: skip

    def special(self, tif: c.TimeInForce, *, listed: bool) -> tuple[c.TimeInForce, c.Special]:
        """Terms that a plain order has not, and the time in force that goes with them."""
        chance = self.chance
        if chance.random() < 0.2:
            tif = c.TimeInForce.GTD
        until = self.now + chance.randint(-3, 60) * SECOND if tif == c.TimeInForce.GTD else 0
        least = chance.choice((0, 0, 0, 2, 3, 4))
        if listed:
            firms = chance.choice(((), (), (3,), (1, 4), (4, 4) if chance.random() < 0.1 else ()))
            return tif, c.Special(expires_us=until, least_lots=least, firm_ids=firms)
        draw = chance.random()
        if draw < 0.3:
            stop = chance.randint(96, 104) if chance.random() < 0.9 else self.far_price()
            return tif, c.Special(c.OrderKind.STOP_LIMIT, until, stop_ticks=stop)
        if draw < 0.5:
            return tif, c.Special(expires_us=until, display_lots=chance.choice((1, 2, 2, 4)))
        if draw < 0.6:
            return tif, c.Special(expires_us=until, post_only=chance.choice(list(c.PostOnly)))
        if draw < 0.7:
            tif = chance.choice((c.TimeInForce.IOC, c.TimeInForce.FOK))
            return tif, c.Special(c.OrderKind.PROTECTED, least_lots=least)
        if draw < 0.8:
            return c.TimeInForce.IOC, c.Special(least_lots=least)
        if draw < 0.9:
            return c.TimeInForce.DAY, c.Special(c.OrderKind.MARKET_TO_LIMIT)
        return tif, c.Special(
            chance.choice(list(c.OrderKind)), until, chance.choice((0, 2)), least,
            chance.choice(list(c.PostOnly)), chance.choice((0, 100)),
            chance.choice(((), (), (3,))),
        )  # fmt: skip

    def change(self) -> c.AnyCommand:
        chance = self.chance
        orders = list(self.naive.orders.values())
        order = chance.choice(orders) if orders else None
        firm = order.firm if order and chance.random() < 0.9 else chance.randint(1, 4)
        number = order.number if order else 1
        if chance.random() < 0.4:
            return c.CancelOrder(*self.who(firm), number)
        price = chance.choice((order.price if order else 100, chance.randint(93, 107)))
        total = order.total if order else 4
        lots = chance.choice((total, max(total - 2, 1), total + 2, chance.randint(1, 26)))
        return c.AmendOrder(*self.who(firm), number, price, lots)

    def take(self) -> c.AnyCommand:
        chance = self.chance
        where = POSTED if self.theme == "crowd" else chance.choice((POSTED, POSTED, COIL))
        if chance.random() < 0.4:
            side = chance.choice(list(c.Side))
            firm = self.trader(side)
            lots = chance.randint(1, 5 if where == COIL else 14)
            price = self.price() + (3 if side == c.Side.BUY else -3)
            names = self.named(firm, where) if side == c.Side.SELL else ()
            return c.LiftBest(*self.who(firm), where, side, price, lots, names)
        posted = [*self.naive.markets[where].book]
        order = chance.choice(posted or list(self.naive.orders.values()) or [None])
        if order is None:
            return c.LiftOrder(*self.who(1), 1, 1)
        firm = chance.choice([n for n in GROUPS if n not in pair_of(order.firm)])
        if chance.random() < 0.1:
            firm = chance.randint(1, 4)
        if self.theme == "crowd" and not order.buys:  # the strangers would be holders too many
            firm = chance.choice((3, 4, 1_500, 1_501))
        lots = chance.choice((order.open, max(order.open - 2, 1), chance.randint(1, 13)))
        names = self.named(firm, where) if order.buys else ()
        return c.LiftOrder(*self.who(firm), order.number, lots, names)

    # The operator.

    def operate(self) -> c.AnyCommand:
        chance = self.chance
        firm = chance.randint(1, 4)
        low = chance.randint(93, 97)
        where = chance.choice(MARKETS)
        choices: list[c.AnyCommand] = [
            c.MassCancel(*self.who(firm), chance.randint(0, 2), chance.randint(0, 8), 0),
            c.MassCancel(*self.who(firm), 0, 0, chance.randint(0, 2)),
            c.KillSwitch(firm, chance.randint(0, 2), chance.random() < 0.3, 1, "test"),
            c.KillSwitch(firm, 0, False, 1, chance.choice(("test", "", "x" * 201))),
            c.Disconnect(firm, chance.randint(1, 2)),
            c.SetFirmLimits(firm, chance.choice((1, 2)), chance.randint(1, 9), 0),
            c.SetFirmLimits(firm, 0, 0, chance.choice((10**5, 3 * 10**5))),
            c.SetFirmStatus(firm, c.FirmStatus(chance.choice((1, 1, 1, 2)))),
            c.SetSelfMatch(firm, chance.choice(list(c.SelfMatch))),
            c.SetSelfMatch(firm, chance.choice(list(c.SelfMatch))),
            c.SetHalt(c.HaltScope.FIRM, firm, chance.random() < 0.2, 1, "test"),
            c.SetHalt(c.HaltScope.INSTRUMENT, where, chance.random() < 0.2, 1, "t"),
            c.SetHalt(
                c.HaltScope.VENUE, 0, chance.random() < 0.1, 1, chance.choice(("t", "x" * 201))
            ),
            c.SetReference(where, chance.randint(98, 102), low, 200 - low),
            c.OpenDay(self.naive.day + chance.randint(0, 1)),
            c.ChangePhase(where, chance.choice(list(c.Phase))),
            c.ChangePhase(chance.choice(CALLED), c.Phase.CALL),
            c.ChangePhase(where, c.Phase.CONTINUOUS),
            c.ChangePhase(where, c.Phase.CONTINUOUS),
            c.DefineFirm(chance.randint(1, 5), chance.randint(1, 4)),
            self.instrument(),
            self.instrument(),
        ]
        return chance.choice(choices)

    def instrument(self) -> c.AnyCommand:
        """Terms that somebody has, or new ones that are sound, unsound, or spoilt."""
        terms = self.chance.choice(TERMS)
        if self.chance.random() < 0.1:
            return terms
        wrong: dict[str, int] = self.chance.choice(WRONG_TERMS)
        new = msgspec.structs.replace(terms, instrument_id=100 + self.ids, **wrong)
        return self.spoilt(new) if self.chance.random() < 0.3 else new

    # Settlement.

    def settle(self) -> c.AnyCommand:
        chance = self.chance
        trades = list(self.naive.trades)
        if trades and chance.random() < 0.6:
            return self.discharge(chance.choice(trades))
        firm, where = chance.randint(1, 4), chance.choice(MARKETS)
        receipts = list(self.naive.receipts.values())
        reserves = [*self.naive.reserves, "none"]
        terms = TERMS[where - 1]
        self.ids += 1
        number = 10_000 + self.ids
        lots = 1 if terms.piece_max_kg else chance.randint(1, 9)
        kg = chance.choice((805, 806, 955, 1005, 1115, 1150)) if terms.piece_max_kg else lots * 1000
        root = number
        if chance.random() < 0.3 and receipts:  # a part of what another has, or has had
            root = chance.choice([r.root for r in receipts if r.where == where] or [number])
        elif chance.random() < 0.2 and where in CROWDED:
            root = where * 100
        choices: list[c.AnyCommand] = [
            c.CreditCash(self.op(), firm, chance.randint(1, 200_000)),
            c.ReserveCash(self.op(), firm, chance.randint(1, 90_000)),
            c.DebitCash(self.op(), chance.choice(reserves)),
            c.ReleaseCash(self.op(), chance.choice(reserves)),
            c.CreditGoods(
                self.op(), number, root, firm, where, lots, kg,
                chance.choice((0, 0, self.naive.day, self.naive.day + 30)),
            ),
            c.CreditGoods(self.op(), chance.choice([r.number for r in receipts] or [1]), root, firm,
                          where, lots, kg, 0),
        ]  # fmt: skip
        if receipts:
            receipt = chance.choice(receipts)
            out = chance.choice((receipt.free, chance.randint(1, 9)))
            choices.append(c.DebitGoods(self.op(), receipt.number, out))
        return chance.choice(choices)

    def withhold(self) -> None:
        """Goods that must leave the market, mostly such as orders hold; or they come back."""
        chance = self.chance
        if self.withheld and chance.random() < 0.4:
            self.give(self.withheld.pop(chance.randrange(len(self.withheld))))
            return
        offered = [n for order in self.naive.orders.values() for n, _ in order.goods]
        aside = [n for o in self.naive.orders.values() if o.place == "aside" for n, _ in o.goods]
        known = list(self.naive.receipts) or [1]
        number = chance.choice(chance.choice([offered, offered, aside or offered, known]) or known)
        receipt = self.naive.receipts.get(number)
        free = receipt.free if receipt else 0
        lots = chance.choice((0, 0, 1, free, free + 1, free + 3, 99))
        whose = chance.choice((0, receipt.firm if receipt else 0, chance.randint(1, 4)))
        command = c.WithholdGoods(self.op(), number, lots, whose)
        if chance.random() < 0.04:
            command = self.spoilt(command)
        self.operations.append(command)
        self.give(command)
        if command.op_id in self.naive.done and receipt is not None:
            lots = next(note[3] for note in self.naive.notes if note[0] == "withheld")
            self.ids += 1
            back = 10_000 + self.ids if number in self.naive.receipts else number
            self.withheld.append(
                c.CreditGoods(
                    self.op(), back, receipt.root, receipt.firm, receipt.where, lots,
                    self.naive.kg(receipt, lots), receipt.day,
                )
            )  # fmt: skip

    def discharge(self, number: int) -> c.AnyCommand:
        """Something that ends a trade, or brings it nearer to its end."""
        chance = self.chance
        trade = self.naive.trades[number]
        due = max(trade.value + trade.buyer_fee - trade.bound, 1)
        new = [20_000 + self.ids * 64 + place for place in range(len(trade.goods))]
        if chance.random() < 0.05:
            new = [*new[1:], *chance.choices(list(self.naive.receipts) or [1])]
        moved: list[list[tuple[int, int]]] = [[], []]
        for receipt, bound in trade.goods:
            for way in moved:
                if chance.random() < 0.4:
                    part = chance.choice((bound, bound // 2 or 1))
                    way.append((receipt, part))
                    bound = max(bound - part, 1 if chance.random() < 0.1 else 0)
            for way in moved:
                if way and way[-1][1] == 0:
                    way.pop()
        if chance.random() < 0.03 and moved[0]:
            moved[chance.randint(0, 1)].append(moved[0][0])
        bound, today = trade.bound, self.naive.day
        money = chance.choice(
            ((0, 0, 0), (bound, 0, 0), (0, bound, 0), (bound // 2, 1, bound // 9))
        )
        choices: list[c.AnyCommand] = [
            c.SettleTrade(self.op(), number, tuple(new), today + chance.choice((-9, 0, 1, 9))),
            c.SettleTrade(self.op(), number, tuple(new), 0),
            c.BustTrade(self.op(), number, 1, chance.choice((2, 2, 2, 1)), "test"),
            c.BustTrade(self.op(), number, 1, 2, chance.choice(("test", "", "x" * 201))),
            c.PayTrade(self.op(), number, chance.choice((due, due, due // 2 or 1, 10**7))),
            c.DischargeTrade(
                self.op(), number, tuple(moved[0]), tuple(moved[1]), *money,
                chance.choice((0, 0, 0, 5, 10**7)),
            ),
        ]  # fmt: skip
        return chance.choice([*choices, choices[-1]])

    # Negotiation.

    def talk(self) -> c.AnyCommand:
        chance = self.chance
        price, lots = chance.randint(94, 106), chance.choice((2, 2, 3, 4, 6, 9))
        if chance.random() < 0.05:
            lots = chance.choice((1, 25))
        if chance.random() < 0.05:
            price = chance.choice((93, 107))
        until = self.now + chance.choice((0, 3, 30, 30, 60, 1_000)) * SECOND
        if chance.random() < 0.02:
            until = self.now + 401 * 24 * 3600 * SECOND
        talks = list(self.naive.talks.values())
        if not talks or chance.random() < 0.3:
            side = chance.choice(list(c.Side))
            firm = self.trader(side)
            where = TALKED if chance.random() < 0.95 else chance.choice(MARKETS)
            names = self.named(firm, where) if side == c.Side.SELL else ()
            other = chance.choice([n for n in GROUPS if n not in pair_of(firm)])
            if chance.random() < 0.1:
                other = chance.choice((1, 2, 9))
            return c.Invite(
                *self.who(firm), where, other, side, price, lots, until, names
            )  # fmt: skip
        talk = chance.choice(talks)
        firm = talk.other if chance.random() < 0.85 else chance.randint(1, 4)
        names = self.named(firm, TALKED) if talk.live.buys else ()
        draw = chance.random()
        if draw < 0.35:
            return c.Counter(*self.who(firm), talk.number, price, lots, until, names)
        if draw < 0.85:
            rounds = talk.round if chance.random() < 0.9 else talk.round - 1
            return c.Accept(*self.who(firm), talk.number, rounds, names)
        return c.Decline(*self.who(firm), talk.number)

    # One-way auctions.

    def auction(self) -> c.AnyCommand:
        chance = self.chance
        known = list(self.naive.one_ways.values())
        draw = chance.random()
        if not known or (draw < 0.12 and len(known) < 4):
            return self.notice()
        one = chance.choice(known)
        number = one.rules.auction_id if chance.random() < 0.98 else chance.choice((0, 99))
        group = pair_of(one.owned.firm)
        firm = chance.choice([n for n in GROUPS if n not in group])
        if chance.random() < 0.03:
            firm = chance.randint(1, 4)
        if draw < 0.16:
            return c.WithdrawAuction(self.op(), number, chance.choice(("late", "", "x" * 201)))
        if chance.random() < (0.05 if firm in one.bonds else 0.95):
            return c.JoinAuction(*self.who(firm), number)
        marginal = one.marginal()
        base = one.clock or (marginal.price if marginal else 0) or chance.randint(96, 104)
        price = base + chance.randint(-3, 4) * (1 if one.rules.side == c.Side.SELL else -1)
        lots = chance.choice((1, 2, 3, 4, 4, 5, 6, 7, 8, 10))
        names = self.named(firm, HAMMER) if one.rules.side == c.Side.BUY else ()
        return c.PlaceBid(*self.who(firm), number, price, lots, chance.random() < 0.6, names)

    def notice(self) -> c.AnyCommand:
        """Rules of an auction, mostly sound."""
        chance = self.chance
        form, side = chance.choice(list(c.AuctionForm)), chance.choice(list(c.Side))
        dutch, rising = form == c.AuctionForm.DUTCH, form == c.AuctionForm.ASCENDING
        sells = side == c.Side.SELL
        reserve = chance.choice((94, 96, 98)) if sells else chance.choice((106, 104, 102))
        if sells and not dutch and chance.random() < 0.3:
            reserve = 0
        opens = self.now + chance.choice((1, 3, 20)) * SECOND
        extends = rising and chance.random() < 0.6
        firm = chance.randint(1, 4)
        step = chance.choice((1, 1, 2))
        notice = c.AnnounceAuction(
            self.op(), self.naive.last_one_way + chance.choice((1, 1, 1, 1, 5, 0)),
            HAMMER if chance.random() < 0.97 else POSTED, firm, side, form,
            chance.choice((4, 6, 8, 12)), reserve,
            (104 if sells else 96) if dutch else 0,
            chance.choice((1, 2, 3)) if dutch or rising else 0,
            4 if chance.random() < 0.3 else 2, step, chance.choice((0, 1_000, 50_000)), opens,
            0 if dutch else opens + chance.choice((60, 61, 120)) * SECOND,
            chance.choice((5, 30, 60)) * SECOND if extends else 0,
            chance.choice((1, 2, 5)) if extends else 0,
            chance.choice((1, 5, 30)) * SECOND if dutch else 0,
            not dutch and chance.random() < 0.4,
            self.named(firm, HAMMER) if sells else (),
        )  # fmt: skip
        if chance.random() < 0.1:
            return self.spoilt(notice)
        return notice


def pair_of(firm: int) -> list[int]:
    """The firms of one group."""
    return [number for number, group in GROUPS.items() if group == GROUPS[firm]]


def campaign(seed: int, steps: int = 250) -> Chance:
    """One history; what its pair has met."""
    pair = Chance(seed)
    for number in range(1, steps + 1):
        pair.step()
        if number % 20 == 0:
            refresh(pair)
    pair.look_at_everything()
    return pair


def refresh(pair: Chance) -> None:
    """Nobody stays stopped or locked for long."""
    naive = pair.naive
    for number in GROUPS:
        firm = naive.firms[number]
        if firm.rate or firm.most_value:
            pair.give(c.SetFirmLimits(number, 0, 0, 0))
        if firm.halted:
            pair.give(c.SetHalt(c.HaltScope.FIRM, number, False, 1, "test"))
        for trader in list(firm.blocked):
            pair.give(c.KillSwitch(number, trader, False, 1, "test"))
        if firm.suspended:
            pair.give(c.SetFirmStatus(number, c.FirmStatus.ACTIVE))
    if naive.halted:
        pair.give(c.SetHalt(c.HaltScope.VENUE, 0, False, 1, "test"))
    for _ in range(pair.chance.choice((1, 1, 5, 5))):
        pair.give(c.OpenDay(naive.day + 1))
    for where in MARKETS:
        market = naive.markets[where]
        if market.halted:
            pair.give(c.SetHalt(c.HaltScope.INSTRUMENT, where, False, 1, "test"))
        if market.high - market.low > 14:
            pair.give(c.SetReference(where, 100, 94, 106))
        if market.phase == c.Phase.CLOSED:
            pair.give(c.ChangePhase(where, c.Phase.PRE_OPEN))
        if market.phase != c.Phase.CONTINUOUS:
            pair.give(c.ChangePhase(where, c.Phase.CONTINUOUS))
