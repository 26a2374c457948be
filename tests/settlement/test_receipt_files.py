"""Photos and certificates: looked into, written anew without a trace of their camera, kept once."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from settlement import receipt_files
from settlement.limits import PHOTO_SIDE, RECEIPT_FILE_BYTES
from settlement.receipt_files import FileError
from tests.pictures import PDF, picture

PLACE = b"Shidao harbour"


def with_gps() -> bytes:
    """Return a photo as a phone takes it: lying on its side, with place and owner."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    exif[0x013B] = PLACE.decode()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (36, 53, 10)
    return picture("JPEG", (80, 40), exif=exif.tobytes(), comment=PLACE)


def test_a_kept_photo_is_its_pixels_upright_and_nothing_else() -> None:
    given = with_gps()
    assert PLACE in given
    kept = receipt_files.photo(given)
    assert PLACE not in kept.body
    with Image.open(io.BytesIO(kept.body)) as image:
        assert (image.format, image.size) == ("JPEG", (40, 80))
        assert dict(image.getexif()) == {}
        assert "comment" not in image.info


def test_text_behind_a_png_and_bytes_behind_its_end_are_lost() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("where", PLACE.decode())
    given = picture("PNG", pnginfo=info) + b"<script>"
    kept = receipt_files.photo(given)
    assert PLACE not in kept.body
    assert b"<script>" not in kept.body
    assert kept.media_type == "image/jpeg"


def test_a_large_photo_is_made_smaller() -> None:
    kept = receipt_files.photo(picture(size=(PHOTO_SIDE + 440, 300)))
    with Image.open(io.BytesIO(kept.body)) as image:
        assert image.width == PHOTO_SIDE


def gif() -> bytes:
    return picture("GIF")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "FILE_SIZE"),
        (b"x" * (RECEIPT_FILE_BYTES + 1), "FILE_SIZE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "NOT_AN_IMAGE"),
        (PDF, "NOT_AN_IMAGE"),
        (picture()[:200], "NOT_AN_IMAGE"),
        (gif(), "NOT_AN_IMAGE"),
    ],
)
def test_what_is_no_photo_is_refused_whatever_it_is_called(content: bytes, code: str) -> None:
    with pytest.raises(FileError) as refused:
        receipt_files.photo(content)
    assert refused.value.code == code


def test_a_picture_that_unpacks_to_gigabytes_is_refused_unopened() -> None:
    small = picture("PNG", (1, 1))
    # Its header says 60,000 x 60,000; the checksum of that header is made to fit.
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]
    with pytest.raises(FileError) as refused:
        receipt_files.photo(bomb)
    assert refused.value.code == "PHOTO_PIXELS"


def test_a_certificate_is_a_pdf_as_it_came_or_a_picture() -> None:
    assert receipt_files.certificate(PDF).body == PDF
    assert receipt_files.certificate(with_gps()).media_type == "image/jpeg"
    for content in (b"%PDF-1.7 cut off", b"<html>%PDF-", b"plain"):
        with pytest.raises(FileError) as refused:
            receipt_files.certificate(content)
        assert refused.value.code == "NOT_A_CERTIFICATE"


def test_a_file_is_kept_once_under_its_hash_and_read_only_if_it_is_the_same(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FILES_DIR = tmp_path
    file = receipt_files.photo(picture())
    for _ in range(2):
        receipt_files.keep("qldz", file)
    (path,) = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert path.relative_to(tmp_path).parts == ("qldz", file.sha256[:2], file.sha256)
    assert path.stat().st_mode & 0o077 == 0, "nobody else on the machine reads it"
    assert receipt_files.read("qldz", file.sha256) == file.body
    with pytest.raises(FileError, match="FILE_LOST"):
        receipt_files.read("jdsc", file.sha256)
    path.write_bytes(file.body + b"!")
    with pytest.raises(FileError, match="FILE_DAMAGED"):
        receipt_files.read("qldz", file.sha256)
    assert "is not what was kept" in caplog.text


@given(st.sampled_from(["JPEG", "PNG", "phone"]), st.data())
def test_a_damaged_picture_is_kept_or_refused_and_breaks_nothing(
    kind: str, data: st.DataObject
) -> None:
    given_bytes = bytearray(with_gps() if kind == "phone" else picture(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        given_bytes[data.draw(st.integers(0, len(given_bytes) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        kept = receipt_files.photo(bytes(given_bytes))
    except FileError as error:
        refused = error.code
    else:
        refused = ""
        with Image.open(io.BytesIO(kept.body)) as image:
            image.load()
            assert dict(image.getexif()) == {}
    assert refused in ("", "NOT_AN_IMAGE", "PHOTO_PIXELS")
