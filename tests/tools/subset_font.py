"""Cut the font of the PDF documents out of Noto Sans CJK: what GB 2312 has, and a little more.

    python tests/tools/subset_font.py NotoSansCJK-Regular.ttc web/documents/fonts/NotoSansCJKsc.ttf

Outlines become TrueType ones: PDF readers that copy text cope with those best. The same input and
fontTools give the same bytes. See web/documents/fonts/README.md.
"""

from __future__ import annotations

import sys

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont, newTable

FACE = "Noto Sans CJK SC"
FARTHEST = 1.5
"""In units of the font, a thousand to its size."""
NAMES_OUTSIDE = "喆昇堃垚犇珺玥煊赟翀祎頔镕瑠弍〇"
"""Not in GB 2312, but common in the names of firms and people."""
SOFT_HYPHEN = 0xAD
"""Left out, so that it is numbered like others that are missing: the PDF library swallows it."""
SIGNS_OUTSIDE = "‐‑–—−•℃"


def characters() -> set[int]:
    """Return the code points of the subset: printable Latin-1, GB 2312, and the above."""
    found = {*range(0x20, 0x7F), *range(0xA0, 0x100)} - {SOFT_HYPHEN}
    found.update(map(ord, NAMES_OUTSIDE + SIGNS_OUTSIDE))
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            text = bytes((row, cell)).decode("gb2312", errors="ignore")
            if text:
                found.add(ord(text))
    return found


def to_truetype(font: TTFont) -> None:
    """Replace cubic outlines by quadratic ones, nowhere further away than `FARTHEST`."""
    glyphs = font.getGlyphSet()
    order = font.getGlyphOrder()
    drawn = {}
    for name in order:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, FARTHEST, reverse_direction=True))
        drawn[name] = pen.glyph()
    font["loca"] = newTable("loca")
    font["glyf"] = glyf = newTable("glyf")
    glyf.glyphOrder = order
    glyf.glyphs = drawn
    for name in order:
        drawn[name].recalcBounds(glyf)
        advance, _ = font["hmtx"][name]
        font["hmtx"][name] = (advance, getattr(drawn[name], "xMin", 0))
    maxp = font["maxp"]
    maxp.tableVersion = 0x00010000
    for field in (
        "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs",
        "maxStackElements", "maxSizeOfInstructions", "maxComponentElements",
    ):  # fmt: skip
        setattr(maxp, field, 0)
    maxp.maxZones = 1
    font["post"].formatType = 3.0
    for table in ("CFF ", "VORG", "vhea", "vmtx", "BASE", "GSUB", "GPOS"):
        if table in font:
            del font[table]
    font.sfntVersion = "\x00\x01\x00\x00"


def main(source: str, target: str) -> None:
    fonts = TTCollection(source).fonts
    font = next(one for one in fonts if one["name"].getDebugName(1) == FACE)
    font.recalcTimestamp = False
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.glyph_names = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters())
    cutter.subset(font)
    to_truetype(font)
    font.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
