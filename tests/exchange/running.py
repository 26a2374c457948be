"""A real engine behind its link, in a thread of the test: journal, sequencer, socket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence

from exchange.journal import open_journal
from exchange.link_server import LinkServer
from exchange.sequencer import Sequencer


@contextlib.contextmanager
def engine(journal_url: str, address: str, venue_ids: Sequence[int] = (1,)) -> Iterator[Sequencer]:
    """Serve the venues at `address` for the block; the clock is the machine's."""
    ready: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None], Sequencer]] = []
    started = threading.Event()

    async def serve() -> None:
        journal = open_journal(journal_url)
        sequencer = Sequencer(journal, list(venue_ids))
        server = await LinkServer(sequencer).listen(address)
        work = asyncio.create_task(sequencer.run())
        ready.append((asyncio.get_running_loop(), work, sequencer))
        started.set()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            server.close()
            sequencer.stop()
            journal.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(20), "the engine did not start"
        yield ready[0][2]
    finally:
        if ready:
            ready[0][0].call_soon_threadsafe(ready[0][1].cancel)
        thread.join(20)
