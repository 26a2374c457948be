"""The evidence of a contract and its files as one ZIP: the same bytes for the same state."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from typing import Final

from settlement import receipt_files
from settlement.contracts import exhibits
from settlement.models import Exhibit

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The only date in a ZIP, its earliest: when something happened is in the bundle."""


def chunks(
    rows: Sequence[Exhibit], venue_code: str, *, bundle: bytes, bundle_name: str
) -> Iterator[bytes]:
    """Yield a ZIP of the bundle and all files, with one of them in memory at a time.

    The same rows and bundle give the same bytes. Raises `FileError` (`FILE_LOST`, `FILE_DAMAGED`)
    at a file that is not what was kept.
    """
    written = _Chunks()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
        target.writestr(_entry(bundle_name), bundle)
        yield from written.taken()
        for row in rows:
            target.writestr(
                _entry(exhibits.file_name(row)), receipt_files.read(venue_code, row.sha256)
            )
            yield from written.taken()
    yield from written.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # on every system alike
    entry.external_attr = 0o600 << 16
    return entry


class _Chunks:
    """What `ZipFile` writes to and cannot seek in; each chunk is taken once."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        return chunks
