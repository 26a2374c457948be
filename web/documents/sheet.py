"""Headings, facts, tables and clauses on A4 sheets: the only file that knows the PDF library.

The same parts give the same bytes: time stamps and the file's id come from what is drawn. One
vendored font draws Chinese and Latin (`fonts/README.md`). A character that it lacks is written as
its Unicode number, 〔U+2A6D6〕, and listed at the end: nothing vanishes from a contract.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextMode, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from web.documents.lines import broken

FONT: Final = Path(__file__).parent / "fonts" / "NotoSansCJKsc.ttf"
_FAMILY: Final = "Noto"
_COUNT: Final = "\x02\x02\x02"
"""Stands for the number of pages, of three digits at most, until all are drawn.

No text has these signs: the font does not.
"""
_INK: Final = (26, 32, 44)
_QUIET: Final = (96, 106, 120)
_ACCENT: Final = (21, 71, 122)
_RULE: Final = (200, 206, 214)
_HEAD: Final = (236, 240, 245)
# Millimetres and points.
_MARGIN: Final = 20
_TOP: Final = 27
_BOTTOM: Final = 22
_LABEL: Final = 38
_LEADING: Final = 5.4
_BODY: Final = 9.5
_SMALL: Final = 8
_TITLE: Final = 19
_CELL: Final = 1.2
_ROW: Final = 7
_SHORT: Final = 7
"""Rows of a table, or facts, that are not torn apart."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels with their values, one below the other."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings that are repeated on each page. `shares` are the columns' widths."""

    head: Sequence[str]
    shares: Sequence[int]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()  # columns that are aligned to the right


@dataclass(frozen=True, slots=True)
class Clauses:
    """Numbered sentences."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph in small type."""

    text: str


Part = Facts | Table | Clauses | Note


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that the document carries inside."""

    name: str
    content: bytes
    mime_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Content:
    """A whole document. `at` is its date; `running` and `mark` stand on each page."""

    title: str
    intro: str
    running: str
    mark: str
    language: str
    author: str
    at: dt.datetime
    sections: Sequence[Section]
    attachment: Attachment


def draw(content: Content) -> bytes:
    """Return the document as PDF; the same content gives the same bytes."""
    sheet = _Sheet(content)
    try:
        return _drawn(sheet, content)
    finally:
        sheet.close_fonts()


def _drawn(sheet: _Sheet, content: Content) -> bytes:
    sheet.add_page()
    sheet.opening()
    for section in content.sections:
        sheet.section(section)
    if sheet.missing:
        sheet.section(_missing_characters(sheet.missing))
    sheet.embed_file(
        bytes=content.attachment.content,
        basename=content.attachment.name,
        desc=content.attachment.description,
        mime_type=content.attachment.mime_type,
        creation_date=content.at,
        modification_date=content.at,
        compress=True,
        checksum=True,
    )
    return bytes(sheet.output())


def _missing_characters(missing: dict[str, str]) -> Section:
    numbers = _("、").join(f"{number} {name}".strip() for number, name in sorted(missing.items()))
    text = _(
        "本文件字库未收录以下字符，正文中以其 Unicode 编号代替，所附规范文本中的原字不变：%(list)s"
    )
    return Section(_("附注"), [Note(text % {"list": numbers})])


class _Sheet(FPDF):
    """A4 pages with their running head and numbers, and the parts that are drawn on them."""

    def __init__(self, content: Content) -> None:
        super().__init__(format="A4")
        self._content = content
        self._widths: dict[str, float] = {}
        self.missing: dict[str, str] = {}
        self.set_margins(_MARGIN, _TOP, _MARGIN)
        self.set_auto_page_break(auto=True, margin=_BOTTOM)
        self.alias_nb_pages(_COUNT)
        self.set_creation_date(content.at)
        self.set_lang(content.language)
        self.add_font(_FAMILY, fname=FONT)
        self._plain()
        self.set_title(self._legible(f"{content.title} {content.mark}"))
        self.set_author(self._legible(content.author))

    def close_fonts(self) -> None:
        """Let the font's file go; the library reads it lazily and leaves it open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    # What stands on every page.

    def header(self) -> None:
        """Draw the running head above a rule."""
        self.set_y(12)
        self._plain(_SMALL, _QUIET)
        half = self.epw / 2
        self.cell(half, 5, self._legible(self._content.running))
        self.cell(half, 5, self._legible(self._content.mark), align="R")
        self.set_draw_color(*_RULE)
        self.line(_MARGIN, 18.5, self.w - _MARGIN, 18.5)
        self.set_y(_TOP)
        self._plain()

    def footer(self) -> None:
        """Draw the page's number."""
        self.set_y(-14)
        self._plain(_SMALL, _QUIET)
        text = _("第 %(page)s 页 共 %(count)s 页") % {"page": self.page_no(), "count": _COUNT}
        self.cell(0, 5, text, align="C")
        self._plain()

    # The parts.

    def opening(self) -> None:
        """Draw title and introduction."""
        self._heavy(self._content.title, _TITLE, 11, align="C")
        self.ln(3)
        self._paragraph(self._content.intro, _BODY, _INK)
        self.ln(1)

    def section(self, section: Section) -> None:
        """Draw a section; its heading stays with what follows."""
        if self.will_page_break(12 + self._together(section.parts[0])):
            self.add_page()
        self.ln(3)
        self._heavy(section.title, 12, 7, color=_ACCENT)
        self.ln(0.8)
        for part in section.parts:
            if self.will_page_break(self._together(part)):
                self.add_page()
            if isinstance(part, Facts):
                self._facts(part)
            elif isinstance(part, Table):
                self._table(part)
            elif isinstance(part, Clauses):
                self._clauses(part)
            else:
                self._paragraph(part.text, _SMALL, _QUIET)
            self.ln(1.4)

    def _together(self, part: Part) -> int:
        """Return about how much of a part stays on one page, in mm: a short one whole."""
        if isinstance(part, Table):
            count = 1 + len(part.rows)
            return _ROW * (count if count <= _SHORT else 4)
        if isinstance(part, Facts):
            return _ROW * (len(part.rows) if len(part.rows) <= _SHORT else 2)
        return 2 * _ROW

    def _facts(self, facts: Facts) -> None:
        for label, value in facts.rows:
            self._plain()
            labels = self._lines(label, _LABEL - 2, _BODY)
            values = self._lines(value, self.epw - _LABEL, _BODY)
            height = max(len(labels), len(values)) * _LEADING
            if self.will_page_break(height):
                self.add_page()
            top = self.get_y()
            self._plain(_BODY, _QUIET)
            self._block(labels, _LABEL)
            low = self.get_y()
            self.set_xy(_MARGIN + _LABEL, top)
            self._plain()
            self._block(values, self.epw - _LABEL)
            self.set_xy(_MARGIN, max(low, self.get_y()) + 0.8)

    def _clauses(self, clauses: Clauses) -> None:
        for number, text in enumerate(clauses.texts, start=1):
            self._plain()
            lines = self._lines(text, self.epw - 8, _BODY)
            if self.will_page_break(min(len(lines), 2) * _LEADING):
                self.add_page()
            self.cell(8, _LEADING, f"{number}.")
            for line in lines:
                self.set_x(_MARGIN + 8)
                self.cell(0, _LEADING, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(0.8)

    def _table(self, table: Table) -> None:
        self._plain(_SMALL)
        unit = self.epw / sum(table.shares)
        widths = [share * unit for share in table.shares]
        aligns = ["RIGHT" if n in table.numbers else "LEFT" for n in range(len(widths))]
        self.set_draw_color(*_RULE)
        with self.table(
            col_widths=tuple(widths),
            text_align=tuple(aligns),
            line_height=4.6,
            padding=_CELL,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="", color=_QUIET, fill_color=_HEAD),
        ) as drawn:
            for cells in (table.head, *table.rows):
                row = drawn.row()
                for text, width in zip(cells, widths, strict=True):
                    row.cell("\n".join(self._lines(text, width - 2 * _CELL - 0.4, _SMALL)))
        self._plain()

    def _paragraph(self, text: str, size: float, color: tuple[int, int, int]) -> None:
        self._plain(size, color)
        self._block(self._lines(text, self.epw, size), self.epw, _LEADING * size / _BODY)
        self._plain()

    # The letters.

    def _block(self, lines: list[str], width: float, leading: float = _LEADING) -> None:
        left = self.get_x()
        for line in lines:
            self.set_x(left)
            self.cell(width, leading, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _heavy(
        self,
        text: str,
        size: float,
        height: float,
        *,
        align: str = "L",
        color: tuple[int, int, int] = _INK,
    ) -> None:
        """Draw a heading: the one weight of the font, thickened by its own outline."""
        self._plain(size, color)
        self.set_draw_color(*color)
        with self.local_context(text_mode=TextMode.FILL_STROKE, line_width=size * 0.011):
            for line in self._lines(text, self.epw, size):
                self.cell(0, height, line, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._plain()

    def _plain(self, size: float = _BODY, color: tuple[int, int, int] = _INK) -> None:
        self.set_font(_FAMILY, size=size)
        self.set_text_color(*color)
        self.c_margin = 0

    def _lines(self, text: str, width: float, size: float) -> list[str]:
        """Return a text as it will be drawn, in lines of at most this many millimetres."""
        return broken(self._legible(text), width / size, self._measure)

    def _measure(self, text: str) -> float:
        """Return the width of a text in the font's size of one point."""
        for sign in text:
            if sign not in self._widths:
                self._widths[sign] = self.get_string_width(sign) / self.font_size_pt
        return sum(self._widths[sign] for sign in text)

    def _legible(self, text: str) -> str:
        """Replace each character that the font lacks by its number, and remember it."""
        font = self.current_font
        assert isinstance(font, TTFFont)
        out = []
        for sign in text:
            if ord(sign) in font.cmap or sign == "\n":
                out.append(sign)
                continue
            number = f"U+{ord(sign):04X}"
            self.missing[number] = unicodedata.name(sign, "")
            out.append(f"〔{number}〕")
        return "".join(out)
