"""What differs from bank to bank, as an operator writes it down, read and checked.

No public specification was found to follow, so columns, headings, the forms of amounts and dates
and the words of a status are configuration; how a file is framed and sealed is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from settlement import limits
from settlement.payments.ports import Outcome

Columns: TypeAlias = tuple[tuple[str, str], ...]
"""Our field's name and the bank's heading, in the order of the file."""

INSTRUCTION_FIELDS: Final = (
    "op_id", "kind", "amount", "currency", "payer_account",
    "payee_account", "payee_name", "payee_bank_code", "purpose",
)  # fmt: skip
REPLY_FIELDS: Final = ("op_id", "amount", "currency", "status", "bank_ref", "reason")
STATEMENT_FIELDS: Final = (
    "bank_ref", "op_id", "at", "amount", "counter_account", "counter_name", "own_account", "memo",
)  # fmt: skip
STATUSES: Final = (Outcome.DONE, Outcome.REFUSED, Outcome.PENDING)
"""What a bank can say; UNKNOWN and RETRY are ours to conclude."""


class Encoding(StrEnum):
    """How a file's characters are written."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"


class Delimiter(StrEnum):
    """What stands between two columns."""

    COMMA = ","
    PIPE = "|"
    TAB = "\t"


class LineEnd(StrEnum):
    """What ends a line."""

    LF = "lf"
    CRLF = "crlf"


class AmountForm(StrEnum):
    """Yuan with exactly two decimals, or whole fen."""

    YUAN = "yuan"
    FEN = "fen"


class DateForm(StrEnum):
    """How an instant is written, to the second and on Shanghai's clock."""

    ISO = "iso"
    COMPACT = "compact"
    SLASHES = "slashes"


class LayoutError(ValueError):
    """A layout cannot be used; `code` is stable, `field` is the key at fault.

    Codes: UNKNOWN (a key or field that does not exist), MISSING, TYPE (of another JSON type),
    VALUE (not one of the choices), NAME (a heading or word that is empty, too long, has spaces
    around it or cannot be printed), TWICE (a field, a heading or a word).
    """

    def __init__(self, code: str, field: str) -> None:
        super().__init__(f"{code}: {field}")
        self.code = code
        self.field = field


@dataclass(frozen=True, slots=True)
class Layout:
    """One bank's files. Made by `read`, which is what keeps it consistent.

    `directions` are the bank's words for money in and money out; None where a statement's amounts
    carry a sign and there is no direction column.
    """

    encoding: Encoding
    delimiter: Delimiter
    line_end: LineEnd
    amount_form: AmountForm
    date_form: DateForm
    instruction_columns: Columns
    reply_columns: Columns
    statement_columns: Columns
    statuses: tuple[tuple[str, Outcome], ...]
    directions: tuple[str, str] | None

    @classmethod
    def read(cls, raw: Mapping[str, object]) -> Layout:
        """Return the layout of a JSON object, or raise `LayoutError`; every key is mandatory.

        Columns are a list of `[field, heading]`, because their order counts and a JSON object
        loses it in some databases. `statuses` maps the bank's word to done, refused or pending and
        has a word for done and one for refused. `directions` is null or `{"in": .., "out": ..}`.
        """
        _exactly(raw, tuple(one.name for one in fields(cls)), "")
        directions = _directions(raw["directions"])
        statement = (*STATEMENT_FIELDS, "direction") if directions else STATEMENT_FIELDS
        return cls(
            encoding=_choice(Encoding, raw, "encoding"),
            delimiter=_choice(Delimiter, raw, "delimiter"),
            line_end=_choice(LineEnd, raw, "line_end"),
            amount_form=_choice(AmountForm, raw, "amount_form"),
            date_form=_choice(DateForm, raw, "date_form"),
            instruction_columns=_columns(raw, "instruction_columns", INSTRUCTION_FIELDS),
            reply_columns=_columns(raw, "reply_columns", REPLY_FIELDS),
            statement_columns=_columns(raw, "statement_columns", statement),
            statuses=_statuses(raw["statuses"]),
            directions=directions,
        )

    @classmethod
    def standard(cls) -> Layout:
        """Return our default, for a bank that takes what it is given."""
        return cls.read(_STANDARD)


def raw_standard() -> dict[str, object]:
    """Return the default as the JSON object that `Layout.read` takes: something to begin from."""
    return dict(_STANDARD)


_STANDARD: Final[Mapping[str, object]] = {
    "encoding": "utf-8",
    "delimiter": ",",
    "line_end": "lf",
    "amount_form": "yuan",
    "date_form": "iso",
    "instruction_columns": [
        ["op_id", "业务流水号"],
        ["kind", "业务类型"],
        ["amount", "金额"],
        ["currency", "币种"],
        ["payer_account", "付款账号"],
        ["payee_account", "收款账号"],
        ["payee_name", "收款户名"],
        ["payee_bank_code", "收款行行号"],
        ["purpose", "用途"],
    ],
    "reply_columns": [
        ["op_id", "业务流水号"],
        ["amount", "金额"],
        ["currency", "币种"],
        ["status", "处理结果"],
        ["bank_ref", "银行流水号"],
        ["reason", "原因"],
    ],
    "statement_columns": [
        ["bank_ref", "银行流水号"],
        ["op_id", "业务流水号"],
        ["at", "记账时间"],
        ["amount", "发生额"],
        ["counter_account", "对方账号"],
        ["counter_name", "对方户名"],
        ["own_account", "本方子账号"],
        ["memo", "摘要"],
    ],
    "statuses": {"成功": "done", "失败": "refused", "处理中": "pending"},
    "directions": None,
}

_Choice = TypeVar("_Choice", bound=StrEnum)


def _choice(choices: type[_Choice], raw: Mapping[str, object], field: str) -> _Choice:
    value = raw[field]
    if not isinstance(value, str):
        raise LayoutError("TYPE", field)
    try:
        return choices(value)
    except ValueError:
        raise LayoutError("VALUE", field) from None


def _exactly(raw: Mapping[str, object], fields: tuple[str, ...], within: str) -> None:
    if not isinstance(raw, Mapping):
        raise LayoutError("TYPE", within)
    for name in raw:
        if name not in fields:
            raise LayoutError("UNKNOWN", f"{within}{name}")
    for name in fields:
        if name not in raw:
            raise LayoutError("MISSING", f"{within}{name}")


def _columns(raw: Mapping[str, object], field: str, names: tuple[str, ...]) -> Columns:
    listed = raw[field]
    if not isinstance(listed, list | tuple):
        raise LayoutError("TYPE", field)
    columns: dict[str, str] = {}
    for pair in listed:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise LayoutError("TYPE", field)
        name, heading = pair[0], _name(pair[1], f"{field}.{pair[0]}")
        if name in columns or heading in columns.values():
            raise LayoutError("TWICE", f"{field}.{name}")
        columns[name] = heading
    _exactly(columns, names, f"{field}.")
    return tuple(columns.items())


def _statuses(raw: object) -> tuple[tuple[str, Outcome], ...]:
    if not isinstance(raw, Mapping):
        raise LayoutError("TYPE", "statuses")
    words = []
    for word, ours in raw.items():
        _name(word, "statuses")
        if not isinstance(ours, str):
            raise LayoutError("TYPE", f"statuses.{word}")
        if ours not in STATUSES:
            raise LayoutError("VALUE", f"statuses.{word}")
        words.append((word, Outcome(ours)))
    for needed in (Outcome.DONE, Outcome.REFUSED):
        if needed not in dict(words).values():
            raise LayoutError("MISSING", f"statuses.{needed}")
    return tuple(words)


def _directions(raw: object) -> tuple[str, str] | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise LayoutError("TYPE", "directions")
    _exactly(raw, ("in", "out"), "directions.")
    words = _name(raw["in"], "directions.in"), _name(raw["out"], "directions.out")
    if words[0] == words[1]:
        raise LayoutError("TWICE", "directions.out")
    return words


def _name(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise LayoutError("TYPE", field)
    # Printable also means: no lone surrogate, so both encodings can write it.
    if not 0 < len(value) <= limits.BANKFILE_HEADING or value != value.strip():
        raise LayoutError("NAME", field)
    if not value.isprintable():
        raise LayoutError("NAME", field)
    return value
