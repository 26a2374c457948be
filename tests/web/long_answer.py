"""An ASGI application with an answer of 64 MiB, and one that says how much of it has been made."""

from __future__ import annotations

from typing import Any, Final

CHUNK: Final = b"x" * 2**16
CHUNKS: Final = 1_024
_made = 0


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer `/made` with the number of chunks, everything else with the chunks."""
    global _made
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/made":
        await send({"type": "http.response.body", "body": str(_made).encode()})
        return
    for _ in range(CHUNKS):
        _made += 1
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
