"""One instrument and four firms, defined by commands alone: no application database is needed."""

from __future__ import annotations

from matching.commands import (
    AnyCommand,
    ChangePhase,
    CreditCash,
    CreditGoods,
    DefineFirm,
    DefineInstrument,
    EnterOrder,
    Mode,
    OpenDay,
    Phase,
    Side,
    TimeInForce,
)

VENUE = 1
BUYERS = (1, 2)
SELLERS = (3, 4)
PRICE = 10_000


def opening() -> list[AnyCommand]:
    """Return the commands that open the market; safe to send again."""
    commands: list[AnyCommand] = [OpenDay(20261123)]
    commands += [DefineFirm(firm, firm) for firm in (*BUYERS, *SELLERS)]
    commands.append(
        DefineInstrument(
            1, Mode.MATCHED, 100, 1000, 1, 1, 10**6, 10**14, PRICE, 1, 2 * PRICE, 10_000, 0, 5, 5,
            approval_id=1,
        )
    )  # fmt: skip
    commands += [ChangePhase(1, Phase.PRE_OPEN), ChangePhase(1, Phase.CONTINUOUS)]
    commands += [CreditCash(f"cash{firm}", firm, 10**15) for firm in BUYERS]
    commands += [CreditGoods(f"goods{n}", n, n, 3 + n % 2, 1, 10**9, 10**12, 0) for n in (1, 2)]
    return commands


def order(number: int, at_us: int) -> EnterOrder:
    """Return the order with this number: firms in turn, prices that often meet."""
    firm = (*BUYERS, *SELLERS)[number % 4]
    side = Side.BUY if firm in BUYERS else Side.SELL
    price = PRICE + number % 7 - 3
    return EnterOrder(firm, 1, f"o{number}", at_us, 1, side, TimeInForce.DAY, price, 1 + number % 3)
