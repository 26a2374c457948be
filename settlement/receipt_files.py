"""Photos and certificates of goods: looked into, made harmless, kept under their SHA-256.

What a file is called says nothing: a photo is one that Pillow can read, and what is kept is
written anew from its pixels, so that neither a camera's place and owner nor anything hidden
behind the picture gets in. A PDF is kept as it came and given out as a download only.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from PIL import Image, ImageOps

from settlement.limits import PHOTO_PIXELS, PHOTO_SIDE, RECEIPT_FILE_BYTES

log = logging.getLogger(__name__)
JPEG: Final = "image/jpeg"
PDF: Final = "application/pdf"
_QUALITY: Final = 85
_PDF_TRAILER: Final = 1_024
"""Bytes from its end in which a PDF says that it ends."""


class FileError(Exception):
    """A file was refused before anything was kept; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be kept: its bytes as they are stored, and what they are."""

    body: bytes
    media_type: str

    @property
    def sha256(self) -> str:
        """Return the name under which it is kept."""
        return hashlib.sha256(self.body).hexdigest()


def photo(content: bytes) -> Checked:
    """Return a JPEG or PNG as a JPEG of its pixels alone, upright, no larger than a screen needs.

    Raises `FileError`: `FILE_SIZE`, `NOT_AN_IMAGE`, `PHOTO_PIXELS`.
    """
    if not 0 < len(content) <= RECEIPT_FILE_BYTES:
        raise FileError("FILE_SIZE")
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > PHOTO_PIXELS:
                raise FileError("PHOTO_PIXELS")  # before a single pixel is unpacked
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except FileError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError("PHOTO_PIXELS") from error
    except Exception as error:
        # A hostile file may break a decoder anywhere; whatever happened, it is no photo.
        raise FileError("NOT_AN_IMAGE") from error
    upright.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    # A picture of its own: nothing but pixels comes along.
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=_QUALITY)
    return Checked(written.getvalue(), JPEG)


def certificate(content: bytes) -> Checked:
    """Return a certificate: a PDF as it came, or a picture like a photo.

    Raises `FileError`: `FILE_SIZE`, `NOT_A_CERTIFICATE`, `PHOTO_PIXELS`.
    """
    if not 0 < len(content) <= RECEIPT_FILE_BYTES:
        raise FileError("FILE_SIZE")
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-_PDF_TRAILER:]:
            raise FileError("NOT_A_CERTIFICATE")
        return Checked(content, PDF)
    try:
        return photo(content)
    except FileError as error:
        if error.code == "NOT_AN_IMAGE":
            raise FileError("NOT_A_CERTIFICATE") from error
        raise


def keep(venue_code: str, file: Checked) -> None:
    """Write a file durably under its hash; one that is there already stays as it is."""
    path = _path(venue_code, file.sha256)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as target:
        target.write(file.body)
        target.flush()
        os.fsync(target.fileno())
    Path(temporary).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(venue_code: str, sha256: str) -> bytes:
    """Return a kept file; raise `FileError` (`FILE_LOST`, `FILE_DAMAGED`) if it is not the same."""
    try:
        body = _path(venue_code, sha256).read_bytes()
    except OSError as error:
        log.critical("file %s of venue %s cannot be read: %s", sha256, venue_code, error)
        raise FileError("FILE_LOST") from error
    if hashlib.sha256(body).hexdigest() != sha256:
        log.critical("file %s of venue %s is not what was kept", sha256, venue_code)
        raise FileError("FILE_DAMAGED")
    return body


def _path(venue_code: str, sha256: str) -> Path:
    return Path(settings.FILES_DIR).joinpath(venue_code, sha256[:2], sha256)
