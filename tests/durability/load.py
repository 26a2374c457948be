"""Clients that send without pause, and remember what they were told."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field

from exchange.blocks import Block
from exchange.journal import open_journal, verified
from exchange.link import LinkClient, Result
from exchange.sequencer import replay_block
from matching.commands import AnyCommand, CreditCash, EnterOrder
from matching.engine import Engine
from matching.events import CommandRejected, CommandRepeated
from tests.durability.market import VENUE, opening, order


@dataclass
class Load:
    """Deposits and orders from many clients at once; each is sent until it is answered.

    After a reconnect the link sends what was unanswered once more, with the same id.
    """

    address: str
    clients: int = 24
    answers: dict[str, tuple[AnyCommand, Result]] = field(default_factory=dict)
    stop: bool = False
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def open_market(self, link: LinkClient) -> None:
        """Define firms, goods and money."""
        for command in opening():
            await link.submit(VENUE, command)

    async def client(self, link: LinkClient) -> None:
        """Send one command after the other."""
        while not self.stop:
            number = next(self._numbers)
            command: AnyCommand
            if number % 3:
                command = order(number, time.time_ns() // 1000)
            else:
                command = CreditCash(f"o{number}", 1, number + 1)
            result = await link.submit(VENUE, command, timeout_ms=20_000)
            self.answers[f"o{number}"] = (command, result)
            self._grown.set()

    async def grow(self, by: int) -> None:
        """Wait until `by` more commands have been answered."""
        aim = len(self.answers) + by
        while len(self.answers) < aim:
            self._grown.clear()
            await self._grown.wait()


def check_journal(url: str, answers: dict[str, tuple[AnyCommand, Result]]) -> list[Block]:
    """Assert what is promised of a journal whose writer was killed under `answers`.

    Whole chain; every answered command stands where its answer said, with the events that it was
    told; nothing was executed twice; executing it again gives the same events, byte for byte.
    """
    journal = open_journal(url)
    blocks = list(verified(journal.blocks(VENUE)))
    journal.close()
    by_seq = {block.seq: block for block in blocks}
    for name, (command, result) in answers.items():
        block = by_seq[result.seq]
        assert block.decoded_commands()[result.index] == command, name
        assert block.decoded_events()[result.index] == result.events, name
        assert block.ts_us == result.ts_us
    executed: Counter[str] = Counter()
    engine = Engine(VENUE)
    for block in blocks:
        replay_block(engine, block)
        for command, events in zip(block.decoded_commands(), block.decoded_events(), strict=True):
            if type(events[0]) not in (CommandRepeated, CommandRejected):
                if isinstance(command, CreditCash):
                    executed[command.op_id] += 1
                elif isinstance(command, EnterOrder):
                    executed[command.client_order_id] += 1
    engine.check()
    assert [name for name, times in executed.items() if times > 1] == []
    return blocks
