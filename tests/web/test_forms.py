"""What people type, turned into the engine's units or refused with a code that has words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django import forms

from web import reasons, words
from web.forms.base import NumberField

WEB = Path(__file__).parents[2] / "web"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("12,000.50", "12000.50"), (" 7 ", "7"), ("1，000", "1000"), ("0.001", "0.001")],
)
def test_a_number_loses_its_separators(text: str, kept: str) -> None:
    assert NumberField(decimals=3).clean(text) == kept


@pytest.mark.parametrize("text", ["1.2345", ".5", "5.", "+1", "0x1", "NaN", "１", "1 2", "9" * 16])
def test_what_is_no_number_is_refused_by_code(text: str) -> None:
    with pytest.raises(forms.ValidationError) as caught:
        NumberField(decimals=3).clean(text)
    assert caught.value.error_list[0].code == "NUMBER"


def test_every_code_that_a_form_refuses_with_has_words() -> None:
    source = "".join(
        path.read_text() for path in [*WEB.glob("forms/*.py"), *WEB.glob("views/*.py")]
    )
    used = set(re.findall(r'(?:refuse|RuleError|code=)\(?"([A-Z_]{4,})"', source))
    assert {"NUMBER", "CONFIRMATION", "ONE_PIECE", "TICK", "SETTLING"} <= used
    assert used - reasons.SENTENCES.keys() == set()


def test_every_state_of_the_data_has_a_word() -> None:
    from exchange.models import InstrumentStatus, MembershipStatus, OrderState, Role
    from settlement.ledger import Kind
    from settlement.models import FundsState, ObligationState, ReceiptState

    assert words.FUNDS_STATES.keys() == set(FundsState.values)
    assert words.RECEIPT_STATES.keys() == set(ReceiptState.values)
    assert words.CONTRACT_STATES.keys() == set(ObligationState.values)
    assert words.ORDER_STATES.keys() == set(OrderState.values)
    assert words.INSTRUMENT_STATES.keys() == set(InstrumentStatus.values)
    assert words.MEMBERSHIP_STATES.keys() == set(MembershipStatus.values)
    assert words.MOVEMENT_KINDS.keys() == {kind.value for kind in Kind}
    assert words.ROLES.keys() == set(Role.values)


def test_every_form_that_acts_carries_an_operation_id_and_a_token() -> None:
    for folder in ("office", "operate", "warehouse"):
        for path in (WEB / "templates" / folder).glob("*.html"):
            for form in re.findall(r'<form method="post".*?</form>', path.read_text(), re.DOTALL):
                assert "{% csrf_token %}" in form, path
                assert "op_id }}" in form, path
