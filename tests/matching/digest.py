"""The digest of a fixed random run: every event byte, and the state at its end.

It must be the same under every hash seed and on every Python that the product runs on. Needs
nothing but what the engine needs.

Run: python -m tests.matching.digest
"""

from __future__ import annotations

import hashlib
from typing import Final

from exchange.blocks import encode_events
from matching.commands import AnyCommand
from matching.engine import Engine
from matching.events import AnyEvent
from tests.matching.naive_chance import Chance

SEEDS: Final = 6
STEPS: Final = 250


def digest() -> str:
    """Return the SHA-256 of all events and final states, commands of every kind among them."""
    said = hashlib.sha256()
    apply = Engine.apply

    def heard(engine: Engine, command: AnyCommand) -> tuple[AnyEvent, ...]:
        events = apply(engine, command)
        said.update(encode_events([events]))
        return events

    # On the class: the pair takes snapshots and goes on with the engine that they give.
    Engine.apply = heard  # type: ignore[method-assign]
    try:
        for seed in range(SEEDS):
            pair = Chance(seed)
            for _ in range(STEPS):
                pair.step()
            said.update(pair.engine.digest())
    finally:
        Engine.apply = apply  # type: ignore[method-assign]
    return said.hexdigest()


if __name__ == "__main__":
    print(digest())
