"""Bank files: what is written can be read, and what is damaged is refused whole.

The bank's side is written a second time in `bank.py`.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.units import MAX_INT
from settlement import limits
from settlement.payments.bankfile import instructions, replies, statements
from settlement.payments.bankfile.layout import (
    INSTRUCTION_FIELDS,
    REPLY_FIELDS,
    STATEMENT_FIELDS,
    Layout,
    LayoutError,
)
from settlement.payments.bankfile.words import Fault, FileError, Instruction, Reply, StatementLine
from settlement.payments.ports import OperationKind, Outcome
from tests.settlement.payments.bank import (
    KEY,
    MADE_AT,
    PATTERNS,
    SHANGHAI,
    STANDARD,
    instant,
    money,
    reply_paper,
    seal,
    statement_paper,
)


def raw_layout(**changes: Any) -> dict[str, Any]:
    """A layout as JSON, with an ASCII heading for every field."""
    directions = changes.get("directions")
    return {
        "encoding": "utf-8",
        "delimiter": ",",
        "line_end": "lf",
        "amount_form": "yuan",
        "date_form": "iso",
        "instruction_columns": [[name, name.upper()] for name in INSTRUCTION_FIELDS],
        "reply_columns": [[name, name.upper()] for name in REPLY_FIELDS],
        "statement_columns": [
            [name, name.upper()]
            for name in (*STATEMENT_FIELDS, *(["direction"] if directions else []))
        ],
        "statuses": {"成功": "done", "OK": "done", "失败": "refused", "处理中": "pending"},
        "directions": None,
    } | changes


PIPES = Layout.read(
    raw_layout(
        encoding="gb18030",
        delimiter="|",
        line_end="crlf",
        amount_form="fen",
        date_form="compact",
        directions={"in": "贷", "out": "借"},
    )
)
TABS = Layout.read(raw_layout(delimiter="\t", date_form="slashes"))

texts = st.text(
    st.one_of(
        st.sampled_from("\r\n\t\"',|;= 中文𠮷ä"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=8,
)
needed = texts.filter(bool)
op_ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
amounts = st.one_of(st.integers(1, 1000), st.integers(1, limits.FUNDS_MOST_FEN))
instants = st.integers(
    int(datetime(2000, 1, 1, tzinfo=SHANGHAI).timestamp()),
    int(datetime(3000, 1, 1, tzinfo=SHANGHAI).timestamp()) - 1,
).map(lambda second: datetime.fromtimestamp(second, SHANGHAI))
sequences = st.integers(1, MAX_INT)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    directions = draw(st.sampled_from([None, {"in": "贷", "out": "借"}]))
    raw = raw_layout(
        encoding=draw(st.sampled_from(["utf-8", "gb18030"])),
        delimiter=draw(st.sampled_from([",", "|", "\t"])),
        line_end=draw(st.sampled_from(["lf", "crlf"])),
        amount_form=draw(st.sampled_from(["yuan", "fen"])),
        date_form=draw(st.sampled_from(list(PATTERNS))),
        directions=directions,
    )
    for columns in ("instruction_columns", "reply_columns", "statement_columns"):
        raw[columns] = draw(st.permutations(raw[columns]))
    return Layout.read(raw)


asked = st.lists(
    st.builds(
        Instruction,
        op_id=op_ids,
        kind=st.sampled_from(OperationKind),
        amount_fen=amounts,
        currency=st.just("CNY"),
        payer_account=needed,
        payee_account=needed,
        payee_name=texts,
        payee_bank_code=texts,
        purpose=texts,
    ),
    max_size=5,
    unique_by=lambda one: one.op_id,
)
answered = st.lists(
    st.builds(
        Reply,
        op_id=op_ids,
        amount_fen=amounts,
        currency=st.sampled_from(["CNY", "USD"]),
        status=st.sampled_from([Outcome.DONE, Outcome.REFUSED, Outcome.PENDING]),
        bank_ref=texts,
        reason=texts,
    ),
    max_size=5,
    unique_by=lambda one: one.op_id,
)
moved = st.lists(
    st.builds(
        StatementLine,
        bank_ref=needed,
        op_id=st.one_of(st.just(""), op_ids),
        at=instants,
        amount_fen=st.one_of(amounts, amounts.map(lambda amount: -amount)),
        counter_account=texts,
        counter_name=texts,
        own_account=needed,
        memo=texts,
    ),
    max_size=5,
    unique_by=lambda one: one.bank_ref,
)


PAY = Instruction(
    "op-1", OperationKind.PAY_OUT, 123_456, "CNY", "6222 01", "6222 02", "海岱", "1023", "货款"
)
GOOD = [
    Reply("op-1", 123_456, "CNY", Outcome.DONE, "B1", ""),
    Reply("op-2", 5, "CNY", Outcome.REFUSED, "", "户名不符"),
]
LINES = [
    StatementLine("B1", "op-1", MADE_AT, -123_456, "6222 02", "北磨坊", "VA-1", "货款"),
    StatementLine("B2", "", MADE_AT, 5, "6222 03", "红码头", "VA-2", ""),
    StatementLine("B3", "", MADE_AT, 700, "6222 02", "北磨坊", "VA-1", ""),
]


def write(rows: list[Instruction], **changes: Any) -> bytes:
    given_ = {"layout": STANDARD, "sequence": 7, "made_at": MADE_AT, "key": KEY} | changes
    return instructions.write(rows, **given_)


def read_replies(body: bytes, layout: Layout = STANDARD, sequence: int | None = 7) -> list[Reply]:
    return replies.read(body, layout=layout, key=KEY, expect_sequence=sequence)


def read_statement(body: bytes, layout: Layout = STANDARD) -> statements.Statement:
    return statements.read(body, layout=layout, key=KEY)


# --- what is written can be read -----------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(rows=asked, layout=layouts(), sequence=sequences, made_at=instants)
def test_an_instruction_file_says_what_was_asked(
    rows: list[Instruction], layout: Layout, sequence: int, made_at: datetime
) -> None:
    body = write(rows, layout=layout, sequence=sequence, made_at=made_at)

    last = body[body.rfind(b"\n", 0, -1) + 1 :]
    head = body[: -len(last)]
    assert seal(head, layout) == body
    lines = list(
        csv.reader(
            io.StringIO(head.decode(layout.encoding), newline=""), delimiter=layout.delimiter
        )
    )
    total = sum(one.amount_fen for one in rows)
    expected = [
        {
            "op_id": one.op_id,
            "kind": one.kind.value,
            "amount": money(one.amount_fen, layout),
            "currency": "CNY",
            "payer_account": one.payer_account,
            "payee_account": one.payee_account,
            "payee_name": one.payee_name,
            "payee_bank_code": one.payee_bank_code,
            "purpose": one.purpose,
        }
        for one in rows
    ]
    assert lines == [
        ["HAIDAI-INSTRUCTIONS/1", str(sequence), instant(made_at, layout)],
        [heading for _, heading in layout.instruction_columns],
        *([row[field] for field, _ in layout.instruction_columns] for row in expected),
        ["TRAILER", str(len(rows)), str(total), str(sequence)],
    ]


@settings(max_examples=100, deadline=None)
@given(rows=answered, layout=layouts(), sequence=sequences)
def test_a_reply_file_is_read_as_the_bank_wrote_it(
    rows: list[Reply], layout: Layout, sequence: int
) -> None:
    body = reply_paper(rows, layout, sequence).sealed()

    assert read_replies(body, layout, sequence) == rows
    assert read_replies(body, layout, None) == rows


@settings(max_examples=100, deadline=None)
@given(rows=moved, layout=layouts(), opening=st.integers(-(10**15), 10**15))
def test_a_statement_is_read_as_the_bank_wrote_it(
    rows: list[StatementLine], layout: Layout, opening: int
) -> None:
    statement = read_statement(statement_paper(rows, layout, opening).sealed(), layout)

    total = sum(one.amount_fen for one in rows)
    assert statement == statements.Statement(7, MADE_AT, opening, opening + total, tuple(rows))
    assert sum(statement.moved_fen().values()) == total


def test_a_statement_says_what_each_sub_account_gained() -> None:
    statement = read_statement(statement_paper(LINES, PIPES, 500_000).sealed(), PIPES)

    assert statement.moved_fen() == {"VA-1": -122_756, "VA-2": 5}
    assert statement.closing_fen == 377_249


def test_an_instruction_file_looks_like_this() -> None:
    head = (
        "HAIDAI-INSTRUCTIONS/1,7,2026-11-24T09:30:05\n"
        "业务流水号,业务类型,金额,币种,付款账号,收款账号,收款户名,收款行行号,用途\n"
        'op-1,pay_out,1234.56,CNY,6222 01,6222 02,"海岱, ""东""",1023,货款\n'
        "TRAILER,1,123456,7\n"
    ).encode()

    body = write([replace(PAY, payee_name='海岱, "东"')])

    assert body == head + b"HMAC-SHA256," + (
        hmac.new(KEY, head, hashlib.sha256).hexdigest().encode() + b"\n"
    )


def test_an_instant_is_written_on_shanghais_clock() -> None:
    body = write([], made_at=datetime(2026, 11, 24, 1, 30, 5, 999_999, tzinfo=UTC))

    assert body.startswith(b"HAIDAI-INSTRUCTIONS/1,7,2026-11-24T09:30:05\n")


def test_several_words_of_a_bank_may_mean_the_same() -> None:
    paper = reply_paper(GOOD[:1], TABS)
    for word in ("成功", "OK"):
        paper.lines[2][3] = word
        assert read_replies(paper.sealed(), TABS) == GOOD[:1]


# --- every refusal, with its line ----------------------------------------------------------------


def spoilt_reply(line: int, column: int, text: str, layout: Layout = STANDARD) -> bytes:
    """The good reply file with one value of one line (from 1) put otherwise, sealed again."""
    paper = reply_paper(GOOD, layout)
    paper.lines[line - 1][column] = text
    return paper.sealed()


def spoilt_statement(line: int, column: int, text: str, layout: Layout = STANDARD) -> bytes:
    paper = statement_paper(LINES, layout)
    paper.lines[line - 1][column] = text
    return paper.sealed()


def without(body: bytes, line: int) -> bytes:
    lines = body.splitlines(keepends=True)
    return b"".join(lines[: line - 1] + lines[line:])


HEAD = reply_paper(GOOD).head()
BODY = seal(HEAD)
STATEMENT_BODY = statement_paper(LINES).sealed()
Try = tuple[Fault, int, Callable[[], object]]

REPLIES: list[Try] = [
    (
        Fault.KEY,
        1,
        lambda: replies.read(BODY, layout=STANDARD, key=KEY[1:], expect_sequence=None),
    ),
    (Fault.OVERSIZE, 1, lambda: read_replies(b"x" * (limits.BANKFILE_BYTES + 1))),
    (Fault.TRUNCATED, 1, lambda: read_replies(b"")),
    (Fault.TRUNCATED, 1, lambda: read_replies(b"\n")),
    (Fault.TRUNCATED, 5, lambda: read_replies(HEAD)),
    (Fault.TRUNCATED, 6, lambda: read_replies(BODY[:-1])),
    (Fault.TRUNCATED, 7, lambda: read_replies(BODY + b"\n")),
    (Fault.TRUNCATED, 6, lambda: read_replies(BODY[:-1] + b"\r\n")),
    (Fault.MAC, 6, lambda: read_replies(seal(HEAD, key=KEY[::-1]))),
    (Fault.MAC, 5, lambda: read_replies(without(BODY, 3))),
    (Fault.NUL, 3, lambda: read_replies(spoilt_reply(3, 4, "B\0"))),
    (Fault.ENCODING, 4, lambda: read_replies(seal(HEAD.replace("户".encode(), b"\xff")))),
    (
        Fault.ENCODING,
        2,
        lambda: read_replies(HALF_CHARACTER, PIPES),
    ),
    (Fault.QUOTING, 3, lambda: read_replies(seal(HEAD.replace(b'"op-1"', b'"op"-1')))),
    (Fault.QUOTING, 5, lambda: read_replies(seal(HEAD[:-2] + b"\n"))),
    (Fault.QUOTING, 3, lambda: read_replies(spoilt_reply(3, 5, "x" * 140_000))),
    (
        Fault.ROWS,
        limits.BANKFILE_ROWS + 4,
        lambda: read_replies(seal(b"a\n" * (limits.BANKFILE_ROWS + 4))),
    ),
    (Fault.TRAILER, 1, lambda: read_replies(seal(b""))),
    (Fault.TRAILER, 2, lambda: read_replies(seal(b"HAIDAI-REPLIES/1,7,x\nTRAILER,0,0,7\n"))),
    (Fault.TRAILER, 4, lambda: read_replies(seal(without(HEAD, 5)))),
    (Fault.TRAILER, 6, lambda: read_replies(seal(HEAD + b"\n"))),
    (Fault.TRAILER, 5, lambda: read_replies(seal(HEAD.replace(b',"123461"', b"")))),
    (Fault.TRAILER, 5, lambda: read_replies(spoilt_reply(5, 1, "02"))),
    (Fault.TRAILER, 5, lambda: read_replies(spoilt_reply(5, 2, "1234.61"))),
    (Fault.TRAILER, 5, lambda: read_replies(spoilt_reply(5, 2, "1" * 5000))),
    (Fault.FORMAT, 1, lambda: read_replies(spoilt_reply(1, 0, "HAIDAI-REPLIES/2"))),
    (Fault.FORMAT, 1, lambda: read_replies(write([PAY]))),
    (Fault.FORMAT, 1, lambda: read_replies(STATEMENT_BODY)),
    (Fault.FORMAT, 1, lambda: read_replies(seal(HEAD.replace(b':05"', b':05",""')))),
    (Fault.SEQUENCE, 1, lambda: read_replies(spoilt_reply(1, 1, "0"))),
    (Fault.SEQUENCE, 1, lambda: read_replies(spoilt_reply(1, 1, "７"))),
    (Fault.SEQUENCE, 1, lambda: read_replies(spoilt_reply(1, 1, str(MAX_INT + 1)))),
    (Fault.SEQUENCE, 5, lambda: read_replies(spoilt_reply(5, 3, "8"))),
    (Fault.TIME, 1, lambda: read_replies(spoilt_reply(1, 2, "2026-11-24T9:30:05"))),
    (Fault.TIME, 1, lambda: read_replies(spoilt_reply(1, 2, "2026-02-29T09:30:05"))),
    (Fault.TIME, 1, lambda: read_replies(spoilt_reply(1, 2, "1999-12-31T23:59:59"))),
    (Fault.TIME, 1, lambda: read_replies(spoilt_reply(1, 2, "3000-01-01T00:00:00"))),
    (Fault.HEADINGS, 2, lambda: read_replies(spoilt_reply(2, 5, "备注"))),
    (Fault.HEADINGS, 2, lambda: read_replies(reply_paper(GOOD, TABS).sealed(), _shuffled(TABS))),
    (Fault.COLUMNS, 3, lambda: read_replies(seal(HEAD.replace(b',"B1"', b"")))),
    (Fault.COLUMNS, 4, lambda: read_replies(seal(HEAD.replace(b'\n"op-2"', b'\n"","op-2"')))),
    (Fault.COLUMNS, 3, lambda: read_replies(seal(HEAD.replace(b'\n"op-1"', b'\n\n"op-1"')))),
    (Fault.SEQUENCE_UNEXPECTED, 1, lambda: read_replies(BODY, sequence=8)),
    (Fault.OP_ID, 3, lambda: read_replies(spoilt_reply(3, 0, ""))),
    (Fault.OP_ID, 3, lambda: read_replies(spoilt_reply(3, 0, "op 1"))),
    (Fault.OP_ID, 3, lambda: read_replies(spoilt_reply(3, 0, "o" * (limits.OP_ID_LENGTH + 1)))),
    (Fault.OP_ID_TWICE, 4, lambda: read_replies(spoilt_reply(4, 0, "op-1"))),
    (Fault.SUB_FEN, 3, lambda: read_replies(spoilt_reply(3, 1, "1234.560"))),
    (Fault.SUB_FEN, 3, lambda: read_replies(spoilt_reply(3, 1, "1234.565"))),
    (Fault.SUB_FEN, 3, lambda: read_replies(spoilt_reply(3, 1, "123456.0", PIPES), PIPES)),
    *(
        (Fault.AMOUNT, 3, lambda text=text: read_replies(spoilt_reply(3, 1, text)))
        for text in (
            "", "1234.5", "1234", "1,234.56", "01.00", "+1.00", " 1.00", "1.00\n", ".50", "-0.00",
            "1e3", "１.００", "nan", "9" * 17 + ".00",
        )
    ),
    *(
        (Fault.AMOUNT, 3, lambda text=text: read_replies(spoilt_reply(3, 1, text, PIPES), PIPES))
        for text in ("", "+1", "01", "-0", "1_0", "٣", "9" * 5000)
    ),
    (Fault.AMOUNT_RANGE, 3, lambda: read_replies(spoilt_reply(3, 1, "0.00"))),
    (Fault.AMOUNT_RANGE, 3, lambda: read_replies(spoilt_reply(3, 1, "-1.00"))),
    (
        Fault.AMOUNT_RANGE,
        3,
        lambda: read_replies(spoilt_reply(3, 1, money(limits.FUNDS_MOST_FEN + 1, STANDARD))),
    ),
    (Fault.CURRENCY, 3, lambda: read_replies(spoilt_reply(3, 2, "cny"))),
    (Fault.CURRENCY, 3, lambda: read_replies(spoilt_reply(3, 2, "CNY\n"))),
    (Fault.STATUS, 3, lambda: read_replies(spoilt_reply(3, 3, "done"))),
    (Fault.STATUS, 3, lambda: read_replies(spoilt_reply(3, 3, ""))),
    (Fault.TEXT, 3, lambda: read_replies(spoilt_reply(3, 4, "长" * (limits.BANKFILE_TEXT + 1)))),
    (Fault.TEXT, 4, lambda: read_replies(spoilt_reply(4, 5, "长" * (limits.BANKFILE_TEXT + 1)))),
    (Fault.COUNT, 5, lambda: read_replies(spoilt_reply(5, 1, "3"))),
    (Fault.COUNT, 4, lambda: read_replies(seal(without(HEAD, 3)))),
    (Fault.SUM, 5, lambda: read_replies(spoilt_reply(5, 2, "123460"))),
    (Fault.SUM, 5, lambda: read_replies(spoilt_reply(3, 1, "1234.57"))),
]  # fmt: skip

STATEMENTS: list[Try] = [
    (Fault.KEY, 1, lambda: statements.read(STATEMENT_BODY, layout=STANDARD, key=b"")),
    (Fault.FORMAT, 1, lambda: read_statement(_as_statement())),
    (Fault.FORMAT, 1, lambda: read_statement(BODY)),
    (Fault.TRAILER, 6, lambda: read_statement(_short_trailer())),
    (Fault.TRAILER, 6, lambda: read_statement(spoilt_statement(6, 4, ""))),
    (Fault.BANK_REF_TWICE, 4, lambda: read_statement(spoilt_statement(4, 0, "B1"))),
    (Fault.DIRECTION, 3, lambda: read_statement(spoilt_statement(3, 8, "", PIPES), PIPES)),
    (Fault.AMOUNT_RANGE, 3, lambda: read_statement(spoilt_statement(3, 3, "-1", PIPES), PIPES)),
    (Fault.AMOUNT_RANGE, 3, lambda: read_statement(spoilt_statement(3, 3, "0.00"))),
    (Fault.SUB_FEN, 3, lambda: read_statement(spoilt_statement(3, 3, "-0.001"))),
    (Fault.TIME, 3, lambda: read_statement(spoilt_statement(3, 2, "2026-11-24"))),
    (Fault.OP_ID, 3, lambda: read_statement(spoilt_statement(3, 1, "op 1"))),
    (Fault.TEXT, 3, lambda: read_statement(spoilt_statement(3, 0, ""))),
    (Fault.TEXT, 3, lambda: read_statement(spoilt_statement(3, 6, ""))),
    (Fault.TEXT, 3, lambda: read_statement(spoilt_statement(3, 7, "长" * 201))),
    (Fault.COUNT, 6, lambda: read_statement(spoilt_statement(6, 1, "2"))),
    (Fault.SUM, 6, lambda: read_statement(spoilt_statement(6, 2, "1"))),
    (Fault.SEQUENCE, 6, lambda: read_statement(spoilt_statement(6, 3, "1"))),
    (Fault.BALANCE, 6, lambda: read_statement(spoilt_statement(6, 4, "1"))),
    (Fault.BALANCE, 6, lambda: read_statement(spoilt_statement(6, 5, "0"))),
]

INSTRUCTIONS: list[Try] = [
    (Fault.KEY, 1, lambda: write([PAY], key=KEY[1:])),
    (Fault.ROWS, 1, lambda: write([PAY] * (limits.BANKFILE_ROWS + 1))),
    (Fault.OVERSIZE, 1, lambda: write(_heavy())),
    (Fault.SEQUENCE, 1, lambda: write([PAY], sequence=0)),
    (Fault.SEQUENCE, 1, lambda: write([PAY], sequence=MAX_INT + 1)),
    (Fault.TIME, 1, lambda: write([PAY], made_at=MADE_AT.replace(tzinfo=None))),
    (Fault.TIME, 1, lambda: write([PAY], made_at=datetime.min.replace(tzinfo=SHANGHAI))),
    (Fault.TIME, 1, lambda: write([PAY], made_at=datetime.max.replace(tzinfo=UTC))),
    (Fault.OP_ID, 3, lambda: write([replace(PAY, op_id="")])),
    (Fault.OP_ID_TWICE, 4, lambda: write([PAY, replace(PAY, amount_fen=1)])),
    (Fault.AMOUNT_RANGE, 3, lambda: write([replace(PAY, amount_fen=0)])),
    (
        Fault.AMOUNT_RANGE,
        3,
        lambda: write([replace(PAY, amount_fen=limits.FUNDS_MOST_FEN + 1)]),
    ),
    (Fault.CURRENCY, 3, lambda: write([replace(PAY, currency="USD")])),
    (Fault.TEXT, 3, lambda: write([replace(PAY, payer_account="")])),
    (Fault.TEXT, 3, lambda: write([replace(PAY, payee_account="")])),
    (Fault.TEXT, 3, lambda: write([replace(PAY, payee_name="\0")])),
    (Fault.TEXT, 3, lambda: write([replace(PAY, purpose="x" * 201)])),
    (Fault.ENCODING, 1, lambda: write([replace(PAY, purpose="\ud800")])),
    (Fault.ENCODING, 1, lambda: write([replace(PAY, purpose="\ud800")], layout=PIPES)),
]


def _shuffled(layout: Layout) -> Layout:
    return replace(layout, reply_columns=layout.reply_columns[::-1])


def _as_statement() -> bytes:
    paper = statement_paper(LINES)
    paper.lines[0][0] = "HAIDAI-REPLIES/1"
    return paper.sealed()


def _short_trailer() -> bytes:
    paper = statement_paper(LINES)
    paper.lines[-1].pop()
    return paper.sealed()


def _heavy() -> list[Instruction]:
    long = "长" * limits.BANKFILE_TEXT
    return [
        replace(PAY, op_id=str(number), payee_name=long, purpose=long) for number in range(7_000)
    ]


# The first byte of a character of two, and then a quote, which cannot be the second.
HALF_CHARACTER = seal(reply_paper(GOOD, PIPES).head().replace(b'"OP_ID"', b'"OP_ID\xd6"'), PIPES)


@pytest.mark.parametrize(("fault", "line", "act"), REPLIES + STATEMENTS + INSTRUCTIONS)
def test_a_wrong_file_is_refused_by_its_own_code_and_line(
    fault: Fault, line: int, act: Callable[[], object]
) -> None:
    with pytest.raises(FileError) as refusal:
        act()

    assert (refusal.value.code, refusal.value.line) == (fault, line)


def test_every_code_is_reached_and_listed() -> None:
    assert {fault for fault, _, _ in REPLIES + STATEMENTS + INSTRUCTIONS} == set(Fault)
    for tries, module in ((REPLIES, replies), (INSTRUCTIONS, instructions.write)):
        for fault, _, _ in tries:
            assert fault in (module.__doc__ or ""), fault


def test_a_line_is_counted_where_its_row_begins() -> None:
    paper = reply_paper([replace(GOOD[0], reason="一\n二\n三"), GOOD[1]])
    paper.lines[3][3] = "?"

    with pytest.raises(FileError) as refusal:
        read_replies(paper.sealed())

    assert refusal.value.line == 6


def test_a_refusal_can_be_logged() -> None:
    with pytest.raises(FileError) as refusal:
        read_replies(spoilt_reply(3, 1, "1234.565"))

    assert str(refusal.value) == "SUB_FEN in line 3: amount"


def test_a_row_may_look_like_a_trailer() -> None:
    rows = [replace(GOOD[0], op_id="TRAILER"), GOOD[1]]

    assert read_replies(reply_paper(rows).sealed()) == rows


def test_the_largest_file_is_read() -> None:
    rows = [replace(GOOD[0], op_id=str(number)) for number in range(limits.BANKFILE_ROWS)]

    assert read_replies(reply_paper(rows).sealed()) == rows


# --- damage --------------------------------------------------------------------------------------


def is_refused(read: Callable[[bytes], object], body: bytes) -> bool:
    try:
        read(body)
    except FileError:
        return True
    return False


@pytest.mark.parametrize(("read", "body"), [(read_replies, BODY), (read_statement, STATEMENT_BODY)])
def test_any_single_damage_is_refused(read: Callable[[bytes], object], body: bytes) -> None:
    for at, byte in enumerate(body):
        before, after = body[:at], body[at + 1 :]
        for other in range(256):
            if other != byte:
                assert is_refused(read, before + bytes([other]) + after), (at, other)
        assert is_refused(read, before), ("cut", at)
        assert is_refused(read, before + after), ("lost", at)
        assert is_refused(read, before + b"0" + body[at:]), ("added", at)
        assert is_refused(read, body[at + 1 :]), ("begun late", at)
    assert not is_refused(read, body)


@settings(max_examples=100, deadline=None)
@given(rows=answered, layout=layouts(), data=st.data())
def test_any_single_damage_is_refused_in_every_layout(
    rows: list[Reply], layout: Layout, data: st.DataObject
) -> None:
    body = reply_paper(rows, layout).sealed()
    at = data.draw(st.integers(0, len(body) - 1))
    flip = data.draw(st.integers(1, 255))

    damaged = body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :]

    assert is_refused(lambda body: read_replies(body, layout), damaged)
    assert is_refused(lambda body: read_replies(body, layout), body[:at])


@settings(max_examples=60, deadline=None)
@given(layout=layouts(), rows=answered.filter(bool), data=st.data())
def test_one_bad_row_refuses_all_others(
    layout: Layout, rows: list[Reply], data: st.DataObject
) -> None:
    paper = reply_paper(rows, layout)
    bad = data.draw(st.integers(2, len(rows) + 1))
    status = [field for field, _ in layout.reply_columns].index("status")
    paper.lines[bad][status] = "?"

    assert is_refused(lambda body: read_replies(body, layout), paper.sealed())


@settings(max_examples=150, deadline=None)
@given(layout=st.sampled_from([STANDARD, PIPES, TABS]), data=st.data())
def test_whatever_a_bank_seals_is_read_or_refused(layout: Layout, data: st.DataObject) -> None:
    """Never another exception: a fault that nobody expects must not stop the loading of files."""
    paper = data.draw(st.sampled_from([reply_paper(GOOD, layout), statement_paper(LINES, layout)]))
    head = bytearray(paper.head())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(head)))
        head[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    for body in (seal(bytes(head), layout), bytes(head)):
        is_refused(lambda body: read_replies(body, layout), body)
        is_refused(lambda body: read_statement(body, layout), body)


# --- layouts -------------------------------------------------------------------------------------


def columns(count: int, *more: Any) -> list[Any]:
    return [*([name, name.upper()] for name in REPLY_FIELDS[:count]), *more]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"colour": 1}, "UNKNOWN", "colour"),
        ({"encoding": None}, "TYPE", "encoding"),
        ({"encoding": "latin-1"}, "VALUE", "encoding"),
        ({"delimiter": ";"}, "VALUE", "delimiter"),
        ({"line_end": "cr"}, "VALUE", "line_end"),
        ({"amount_form": "jiao"}, "VALUE", "amount_form"),
        ({"date_form": "%Y"}, "VALUE", "date_form"),
        ({"reply_columns": {}}, "TYPE", "reply_columns"),
        ({"reply_columns": columns(5)}, "MISSING", "reply_columns.reason"),
        ({"reply_columns": columns(6, ["fee", "FEE"])}, "UNKNOWN", "reply_columns.fee"),
        ({"reply_columns": columns(6, ["op_id", "X"])}, "TWICE", "reply_columns.op_id"),
        ({"reply_columns": columns(5, ["reason", "OP_ID"])}, "TWICE", "reply_columns.reason"),
        ({"reply_columns": columns(5, ["reason"])}, "TYPE", "reply_columns"),
        ({"reply_columns": columns(5, ["reason", 1])}, "TYPE", "reply_columns.reason"),
        ({"reply_columns": columns(5, ["reason", ""])}, "NAME", "reply_columns.reason"),
        ({"reply_columns": columns(5, ["reason", " a"])}, "NAME", "reply_columns.reason"),
        ({"reply_columns": columns(5, ["reason", "a\nb"])}, "NAME", "reply_columns.reason"),
        ({"reply_columns": columns(5, ["reason", "\ud800"])}, "NAME", "reply_columns.reason"),
        ({"reply_columns": columns(5, ["reason", "a" * 65])}, "NAME", "reply_columns.reason"),
        ({"statuses": ["done"]}, "TYPE", "statuses"),
        ({"statuses": {"是": 1}}, "TYPE", "statuses.是"),
        ({"statuses": {"": "done"}}, "NAME", "statuses"),
        ({"statuses": {"是": "unknown"}}, "VALUE", "statuses.是"),
        ({"statuses": {"是": "retry"}}, "VALUE", "statuses.是"),
        ({"statuses": {"是": "done"}}, "MISSING", "statuses.refused"),
        ({"statuses": {"否": "refused"}}, "MISSING", "statuses.done"),
        ({"directions": "DC"}, "TYPE", "directions"),
        ({"directions": {"in": "贷"}}, "MISSING", "directions.out"),
        ({"directions": {"in": "贷", "out": "借", "x": "y"}}, "UNKNOWN", "directions.x"),
        ({"directions": {"in": "贷", "out": "贷"}}, "TWICE", "directions.out"),
    ],
)
def test_a_wrong_layout_is_refused_by_code_and_field(
    change: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(LayoutError) as refusal:
        Layout.read(raw_layout(**change))

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize("key", list(raw_layout()))
def test_every_key_of_a_layout_is_mandatory(key: str) -> None:
    raw = raw_layout()
    del raw[key]

    with pytest.raises(LayoutError) as refusal:
        Layout.read(raw)

    assert (refusal.value.code, refusal.value.field) == ("MISSING", key)


def test_a_direction_column_and_its_words_come_together() -> None:
    signed, directed = raw_layout(), raw_layout(directions={"in": "贷", "out": "借"})

    with pytest.raises(LayoutError, match=r"UNKNOWN: statement_columns\.direction"):
        Layout.read(signed | {"statement_columns": directed["statement_columns"]})
    with pytest.raises(LayoutError, match=r"MISSING: statement_columns\.direction"):
        Layout.read(directed | {"statement_columns": signed["statement_columns"]})


def test_a_layout_is_a_json_object() -> None:
    with pytest.raises(LayoutError, match="TYPE"):
        Layout.read([])  # type: ignore[arg-type]
