"""The web process's blocking links to the engine: one a thread, for views that send commands."""

from __future__ import annotations

import threading

from django.conf import settings

from exchange.link import BlockingLink

_of_thread = threading.local()


def engine() -> BlockingLink:
    """Return this thread's link."""
    link: BlockingLink | None = getattr(_of_thread, "link", None)
    if link is None:
        link = _of_thread.link = BlockingLink(settings.ENGINE_LINK)
    return link
