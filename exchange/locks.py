"""The lock on a data directory: one running instance, named in the refusal."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO


class InUseError(Exception):
    """The data directory belongs to a running instance. The message says which."""


def lock(directory: Path, name: str) -> IO[str]:
    """Lock `directory` for the life of the returned file; raises `InUseError`.

    The kernel releases the lock when the process ends, however it ends.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    handle = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise InUseError(
            f"the data directory {directory} belongs to a running instance (pid {owner})."
            " Stop that one, or choose another directory."
        ) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
