"""Every numeric bound of the web room, with its unit. Each has a refusal when reached."""

from typing import Final

FRAME_BYTES: Final = 16 * 1024
"""Largest frame that a client may send."""
INBOX_FRAMES: Final = 64
"""Frames of one socket that may wait to be read; then its connection is no longer read."""
TOPICS_PER_SOCKET: Final = 50
"""Subscriptions of one socket."""
COMMAND_BURST_S: Final = 2
"""Order commands that one socket may send at once, in seconds of its rate.

The rate itself is the setting SOCKET_COMMANDS_PER_S (200 unless raised).
"""
PUBLIC_BACKLOG: Final = 200
"""Frames that may wait for one socket before public topics are conflated."""
PRIVATE_BACKLOG: Final = 1_000
"""Frames that may wait for one socket before it is closed with 4008."""
HEARTBEAT_MS: Final = 1_000
"""Between two heartbeats."""
RECHECK_S: Final = 60
"""Between two checks of a socket's session and seat."""
COMMAND_TIMEOUT_MS: Final = 5_000
"""How long the gateway waits for the durable result of a command."""
PAGE_ROWS: Final = 50
"""Rows of one page of a list."""
