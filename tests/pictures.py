"""Small pictures and a small PDF, as somebody would upload them."""

from __future__ import annotations

import io
from functools import cache
from typing import Any, Final

from PIL import Image

PDF: Final = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@cache
def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **more: Any) -> bytes:
    """Return a small picture."""
    written = io.BytesIO()
    Image.new("RGB", size, (40, 90, 160)).save(written, kind, **more)
    return written.getvalue()
