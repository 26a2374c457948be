"""Rules on screen: drafted by one person, published by another, shown to all of the venue."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exchange import scope
from exchange.models import Commodity, Instrument, Seat
from settlement.models import RuleVersion
from settlement.quality import versions
from settlement.quality.text import canonical, rule_set
from tests.web.desk import Desk, codes, desk
from tests.web.test_contracts import act, agreed
from tests.web.test_operate import suggestion, typed
from web.forms.rules import pretty

__all__ = ["desk"]

COAL = "/qldz/ops/rules/COAL-T5500/"


def earliest(code: str = "COAL-T5500") -> dt.date:
    with scope.venue(1):
        return versions.earliest_day(Commodity.objects.get(code=code), timezone.now())


def form_of(page: str, name: str) -> dict[str, str]:
    """Return the fields of a draft's form as the page fills them."""
    found = re.search(rf'data-testid="{name}-form".*?</form>', page, re.DOTALL)
    assert found is not None
    fields = dict(re.findall(r'<input[^>]*?name="([a-z0-9_]+)"[^>]*?value="([^"]*)"', found[0]))
    fields |= {
        name: value
        for value, name in re.findall(r'value="([^"]*)"[^>]*?name="([a-z0-9_]+)"', found[0])
        if name not in fields
    }
    return {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}


def coal(**changes: Any) -> str:
    """Coal's rules as a person edits them, with a change to the step of sulphur."""
    rules = rule_set(Commodity.objects.get(code="COAL-T5500").parameters)
    rules["adjustments"] = [dict(row) for row in rules["adjustments"]]
    rules["adjustments"][2] |= changes
    return pretty(rules)


def write(client: Client, text: str, **more: str) -> Any:
    """Send the text form of the draft page."""
    page = client.get(COAL + "draft/").content.decode()
    fields = form_of(page, "text") | {"text": text, "summary": "硫分扣价", "act": "text"}
    return client.post(COAL + "draft/", fields | more)


def decide(client: Client, what: str, number: int = 2, **more: str) -> Any:
    """Send the form of a decision as the page gives it."""
    page = client.get(COAL).content.decode()
    forms = re.findall(r"<form.*?</form>", page, re.DOTALL)
    wanted = [one for one in forms if f'name="act" value="{what}"' in one]
    wanted = [one for one in wanted if f'name="number" value="{number}"' in one]
    if not wanted:
        return None
    fields = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', wanted[0]))
    return client.post(COAL, fields | more)


def states() -> list[tuple[int, str]]:
    with scope.venue(1):
        rows = RuleVersion.objects.filter(commodity__code="COAL-T5500").order_by("number")
        return list(rows.values_list("number", "state"))


def test_rules_go_from_a_draft_to_an_announcement_that_every_firm_sees(desk: Desk) -> None:
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    answer = write(operator, coal(amount="-6"))
    assert (answer.status_code, states()) == (302, [(1, "published"), (2, "draft")])

    page = reviewer.get(COAL).content.decode()
    assert re.findall(r'data-place="([^"]+)"', page) == ["adjustments.st_d.step.above.amount"]
    assert "调整 · 干燥基全硫 · 每档 · 高于 · 调整额" in page
    # The base does not change; the golden case pays one yuan less on 9,939.6 t.
    assert re.findall(r'data-difference="([^"]*)"', page) == ["0", "-993960"]
    assert page.count('data-testid="effect-line"') == 1
    assert re.search(r"−5 元/吨.*−6 元/吨", page, re.DOTALL)
    firm = desk.client("trader", "lzrd")
    assert "征求意见" in firm.get("/qldz/rules/COAL-T5500/2/").content.decode()

    assert decide(operator, "publish") is None, "who operates does not publish"
    assert decide(reviewer, "publish").status_code == 302
    assert states() == [(1, "published"), (2, "published")]
    row = re.search(
        r'data-commodity="COAL-T5500".*?</tr>', firm.get("/qldz/rules/").content.decode(), re.DOTALL
    )
    assert row is not None
    assert re.findall(r'data-testid="rule-link">([^<]+)<', row[0]) == ["第 1 版", "第 2 版"]
    assert str(earliest() - dt.timedelta(days=1)) in row[0], "the day that was announced"


def test_the_text_can_be_downloaded_and_is_the_digests(desk: Desk) -> None:
    answer = desk.client("delivery", "rzyf").get("/qldz/rules/COAL-T5500/1.json")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == answer["X-Content-SHA256"]
    assert answer.content.decode() == canonical(json.loads(answer.content))
    assert 'filename="qldz-COAL-T5500-v1.json"' in answer["Content-Disposition"]
    assert desk.client("trader", "rzyf").get("/qldz/rules/COAL-T5500/2.json").status_code == 404


@pytest.mark.parametrize("path", ["rules/", "rules/COAL-T5500/1/", "rules/COAL-T5500/1.json"])
def test_every_seat_of_the_venue_reads_the_rules_and_no_other(desk: Desk, path: str) -> None:
    seats = [("trader", "lzrd"), ("operator", ""), ("inspector", ""), ("clerk", "")]
    assert {desk.client(*one).get(f"/qldz/{path}").status_code for one in seats} == {200}
    abroad = desk.client("trader", "rcyy", venue="jdsc")
    assert abroad.get(f"/qldz/{path}").status_code == 404
    if path != "rules/":
        assert abroad.get(f"/jdsc/{path}").status_code == 404, "another venue's rules"


def test_only_the_operator_drafts(desk: Desk) -> None:
    for seat in (("reviewer", ""), ("trader", "lzrd"), ("clerk", "")):
        assert desk.client(*seat).get(COAL + "draft/").status_code == 404
    assert desk.client("trader", "lzrd").get(COAL).status_code == 404
    operator = desk.client("operator")
    assert operator.get("/qldz/ops/rules/CTN-3128B/").status_code == 404
    assert operator.get("/qldz/ops/rules/").status_code == 200


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"cap": 1}, "KEY_UNKNOWN", "adjustments[2].st_d.cap"),
        ({"step": "0"}, "BOUNDS", "adjustments[2].st_d"),
        ({"method": "guess"}, "METHOD", "adjustments[2].st_d.method"),
        ({}, "SAME", ""),
    ],
)
def test_a_fault_is_shown_with_its_place_and_nothing_typed_is_lost(
    desk: Desk, changes: dict[str, Any], code: str, place: str
) -> None:
    operator = desk.client("operator")
    answer = write(operator, coal(**changes))
    page = answer.content.decode()
    assert (answer.status_code, codes(answer), states()) == (422, [code], [(1, "published")])
    assert place in page
    assert "硫分扣价" in page
    assert re.findall(r"&quot;attr&quot;: &quot;st_d&quot;", page)


def test_json_that_is_none_is_refused_with_line_and_column(desk: Desk) -> None:
    answer = write(desk.client("operator"), '{"code":\n nonsense}')
    assert codes(answer) == ["JSON"]
    assert "2:2" in answer.content.decode()


def test_a_day_too_early_is_refused_with_the_first_that_goes(desk: Desk) -> None:
    early = earliest() - dt.timedelta(days=1)
    answer = write(desk.client("operator"), coal(amount="-6"), effective_on=str(early))
    assert codes(answer) == ["NOTICE"]
    assert str(earliest()) in answer.content.decode()


def test_a_draft_that_changed_meanwhile_is_not_overwritten_unseen(desk: Desk) -> None:
    first, second = desk.client("operator"), desk.client("operator")
    page = second.get(COAL + "draft/").content.decode()
    write(first, coal(amount="-6"))
    late = form_of(page, "text") | {"text": coal(amount="-9"), "summary": "s", "act": "text"}
    answer = second.post(COAL + "draft/", late)
    assert (answer.status_code, codes(answer)) == (422, ["OTHER_RULES"])
    reviewer = desk.client("reviewer")
    shown = reviewer.get(COAL).content.decode()
    write(second, coal(amount="-8"))
    fields = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', shown))
    answer = reviewer.post(COAL, fields | {"act": "publish", "number": "2"})
    assert (answer.status_code, codes(answer)) == (422, ["OTHER_RULES"])


def test_the_same_form_again_is_the_same_draft(desk: Desk) -> None:
    operator = desk.client("operator")
    page = operator.get(COAL + "draft/").content.decode()
    fields = form_of(page, "text") | {"text": coal(amount="-6"), "summary": "s", "act": "text"}
    answers = [operator.post(COAL + "draft/", fields).status_code for _ in range(2)]
    assert (answers, states()) == ([302, 302], [(1, "published"), (2, "draft")])


def test_who_drafted_does_not_publish_whatever_seat_is_taken(desk: Desk) -> None:
    operator = desk.client("operator")
    write(operator, coal(amount="-6"))
    Seat.objects.across_venues().filter(role="operator").update(role="reviewer")
    page = operator.get(COAL).content.decode()
    assert "须由另一人发布" in page
    answer = decide(operator, "publish")
    assert (answer.status_code, codes(answer)) == (422, ["SAME_PERSON"])


def test_an_announcement_is_taken_back_by_the_second_person_with_a_reason(desk: Desk) -> None:
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    write(operator, coal(amount="-6"))
    decide(reviewer, "publish")
    assert decide(operator, "withdraw", why="x") is None
    answer = decide(reviewer, "withdraw")
    assert (answer.status_code, codes(answer)) == (422, ["REQUIRED"])
    assert decide(reviewer, "withdraw", why="再议").status_code == 302
    assert states() == [(1, "published"), (2, "withdrawn")]
    assert decide(reviewer, "withdraw", number=1, why="x") is None, "it is in force"
    forged = {"act": "withdraw", "number": "1", "why": "x"}
    assert reviewer.post(COAL, forged).status_code == 404


@pytest.mark.parametrize("forged", [{"act": "seize"}, {"number": "x"}, {"number": "9"}, {}])
def test_forged_decisions_find_nothing(desk: Desk, forged: dict[str, str]) -> None:
    write(desk.client("operator"), coal(amount="-6"))
    sent = {"act": "publish", "number": "2"} | forged
    answer = desk.client("operator").post(COAL, sent)
    assert answer.status_code == 404
    assert states()[-1] == (2, "draft")


def test_grades_are_edited_in_a_table(desk: Desk) -> None:
    """Steel's premiums by diameter and rust, as an operator changes them each month."""
    operator = desk.client("operator")
    path = "/qldz/ops/rules/STL-RB400E/draft/"
    page = operator.get(path).content.decode()
    fields = form_of(page, "table")
    assert (fields["t0_1"], fields["t1_0"]) == ("100", "-60")
    fields |= {"act": "table", "summary": "十二月差价"}
    for wrong, refusal in (({"t0_1": "x"}, "NUMBER"), ({"t0_1": ""}, "REQUIRED"), ({}, "SAME")):
        answer = operator.post(path, fields | wrong)
        assert (answer.status_code, codes(answer)) == (422, [refusal])
    assert operator.post(path, fields | {"t0_1": "+120", "t1_0": "-65.5"}).status_code == 302
    with scope.venue(1):
        draft = RuleVersion.objects.get(state="draft")
        tables = [row["table"] for row in versions.rules_of(draft)["adjustments"]]
        assert (tables[0]["12"], tables[1]["中锈"], tables[0]["10"]) == (120, "-65.5", 160)
    page = desk.client("reviewer").get("/qldz/ops/rules/STL-RB400E/").content.decode()
    assert re.findall(r'data-place="([^"]+)"', page) == [
        "adjustments.dia_mm.table.table.12", "adjustments.rust.table.table.中锈",
    ]  # fmt: skip


def test_the_preview_pays_the_venues_own_statements_again(desk: Desk) -> None:
    agreed(desk, cover_bp=10_000)
    goods, store, lab = (
        desk.client("delivery", "lzrd"), desk.client("warehouse"), desk.client("inspector"),
    )  # fmt: skip
    act(desk, goods, "order")
    code = re.search(
        r'data-testid="pickup-code">([A-Z0-9]{6})<',
        goods.get("/qldz/contracts/1/").content.decode(),
    )
    assert code is not None
    act(desk, store, "weigh", code=code[1], plate="鲁L·1", gross="515", tare="15")
    act(desk, store, "loaded")
    found = {"q_qnet_ar": "5423", "q_st_d": "0.92", "q_mt": "19.4"}
    act(desk, lab, "inspect", certificate="C", agency="A", ticket="0", **found)
    act(desk, goods, "accept")
    operator = desk.client("operator")
    write(operator, coal(amount="-6"))
    page = operator.get(COAL).content.decode()
    assert "QLDZ-C-000001 磅单 1" in page
    assert 'data-testid="effect-total">−¥495.00<' in page, "one yuan on 495 t"


# Nothing is listed without rules.


def test_goods_to_be_accepted_are_not_listed_without_rules(desk: Desk) -> None:
    operator = desk.client("operator")
    known = Commodity.objects.get(code="COAL-T5500")
    form = typed(suggestion(operator)) | {"delivery": "acceptance"}
    Commodity.objects.filter(pk=known.pk).update(code="COAL-OLD")
    Commodity.objects.create(
        code="COAL-T5500", name_zh="煤", name_en="Coal", category="coal", vat_pct=13,
        parameters=known.parameters,
    )  # fmt: skip
    answer = operator.post("/qldz/ops/new/", form)
    assert (answer.status_code, codes(answer)) == (422, ["NO_RULES"])
    with scope.venue(1):
        assert not Instrument.objects.exists()
    assert operator.post("/qldz/ops/new/", form | {"delivery": "receipt"}).status_code == 302


def test_a_gap_is_shown_on_the_console_and_closed_by_a_first_version(desk: Desk) -> None:
    coal_row = desk.instrument(delivery="acceptance")
    operator, reviewer = desk.client("operator"), desk.client("reviewer")
    assert 'data-testid="rule-gap"' not in operator.get("/qldz/ops/").content.decode()
    Commodity.objects.filter(pk=coal_row.commodity_id).update(code="COAL-OLD")
    new = Commodity.objects.create(
        code="COAL-T5500", name_zh="煤", name_en="Coal", category="coal", vat_pct=13,
        parameters=coal_row.commodity.parameters,
    )  # fmt: skip
    with scope.venue(1):
        Instrument.objects.filter(pk=coal_row.pk).update(commodity=new)
    assert 'data-testid="rule-gap"' in operator.get("/qldz/ops/").content.decode()
    assert "data-gap" in operator.get("/qldz/ops/rules/").content.decode()
    assert 'data-testid="gap"' in operator.get(COAL).content.decode()

    page = operator.get(COAL + "draft/").content.decode()
    fields = form_of(page, "text")
    assert fields["effective_on"] == str(timezone.localdate())
    fields |= {"text": coal(), "summary": "首版", "act": "text"}
    assert operator.post(COAL + "draft/", fields).status_code == 302
    assert decide(reviewer, "publish", number=1).status_code == 302
    assert 'data-testid="rule-gap"' not in operator.get("/qldz/ops/").content.decode()
