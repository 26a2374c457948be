"""A contract as PDF: what it says, that it is always the same file, and who gets it."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from exchange import reference, scope
from exchange.models import Commodity, Instrument
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from settlement.contracts.terms import canonical, kept_quality, text_digest, write_terms
from settlement.models import ContractPaper, ContractSignature, RuleVersion
from settlement.quality.rules import read_rules
from settlement.quality.text import canonical as rules_text
from settlement.quality.text import digest_of, rule_set
from tests.settlement.contracts.test_document import unfreeze
from tests.tools import subset_font
from tests.web.desk import Desk, desk
from tests.web.test_contracts import PAGE, agreed
from web.documents import contract as document
from web.documents import sheet
from web.documents.lines import broken
from web.documents.rules import adjustment_words, reject_words

__all__ = ["desk"]

RARE = "𪛖"
AT = dt.datetime(2026, 11, 23, 2, 13, 20, 10_000, tzinfo=dt.UTC)
SIGNED = [
    ContractSignature(
        side=side, trader_id=number, signer=name, order_id=40 + number,
        client_order_id=f"web-{number}", ordered_at=AT - dt.timedelta(minutes=number),
    )
    for number, side, name in ((1, "buyer", "祁华"), (2, "seller", "曲海"))
]  # fmt: skip


def said(code: str = "COAL-T5500", discharge: str = "acceptance", **more: Any) -> dict[str, Any]:
    """What the canonical text of a contract says, with the fixture's terms of a commodity."""
    row = next(one for one in reference.fixture()["commodities"] if one["code"] == code)
    defaults = reference.fixture()["defaults"]
    listed = Instrument(commodity=Commodity(parameters=row))
    is_accepted = discharge == "acceptance"
    rules = rule_set(row)
    version = RuleVersion(number=7, text=rules_text(rules), digest=digest_of(rules))
    terms = write_terms(listed, version, defaults, always_open=False) if is_accepted else None
    return {
        "format": 2,
        "venue": "qldz",
        "venue_name": {"zh": "齐鲁大宗商品现货交易中心", "en": "Qilu Bulk Spot Market"},
        "trade_id": 7,
        "made_at": AT.isoformat(timespec="microseconds"),
        "discharge": discharge,
        "buyer": {
            "name": "莱州湾热电有限公司",
            "name_en": "Laizhou Bay Thermal Power",
            "uscc": "91379900MADEMJ048U",
        },
        "seller": {
            "name": "日照远帆能源贸易有限公司",
            "name_en": "Rizhao Yuanfan Energy Trading",
            "uscc": "91379900MADEMQ012H",
        },
        "instrument": f"{code}-RZG",
        "goods": "动力煤 Q5500",
        "goods_name": {"zh": "动力煤", "en": "Thermal coal"},
        "grade": {"zh": "Q5500", "en": "Q5500"},
        "delivery_basis": "FOB_PORT",
        "warehouse": "RZG-C01",
        "warehouse_name": {"zh": "日照港煤炭堆场示例一库", "en": "Rizhao Port coal yard"},
        "warehouse_city": "日照",
        "receipts": [{"number": "QLDZ-R-000001", "pile": "A-1", "lots": 500, "weight_kg": 500_000}],
        "quantity_lots": 500,
        "lot_kg": 1_000,
        "unit": "t",
        "weight_kg": 500_000,
        "price_fen_per_t": 72_200,
        "value_fen": 36_100_000,
        "net_fen": 31_946_903,
        "vat_fen": 4_153_097,
        "vat_pct": 13,
        "deposit_bp": 1_000 if is_accepted else 10_000,
        "pay_by": "2026-11-25T08:00:00.000000+00:00" if is_accepted else "",
        "resale_from": "" if is_accepted else "2026-11-30",
        "storage": {"fee_per_t_day": "0.20", "free_days": 20, "natural_loss_pct": "0.5"},
        "inspection_agencies": row["inspection"]["agencies"],
        "inspection_final": row["inspection"]["final"],
        "rules_sha256": read_rules(terms["quality"]).digest if terms else "",
        "dispute_days": {"response": 3, "conciliation": 7, "appeal": 5},
        "terms": terms or {"quality": kept_quality(row)},
    } | more


def paper(content: dict[str, Any]) -> ContractPaper:
    text = canonical(content)
    return ContractPaper(
        text=text, sha256=text_digest(text), seq=12, block_hash="ab" * 32, engine_version="5", at=AT
    )


def drawn(content: dict[str, Any], language: str = "zh") -> bytes:
    return document.pdf(paper(content), SIGNED, language)


def pages(pdf: bytes) -> list[str]:
    """Return the text layer of each page, without blanks: readers put their own."""
    return [re.sub(r"\s", "", page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


@cache
def ordinary() -> bytes:
    return drawn(said())


def test_the_text_layer_says_who_what_how_much_and_which_digest() -> None:
    text = "".join(pages(ordinary()))
    for expected in (
        "合同编号QLDZ-C-000007", "莱州湾热电有限公司", "91379900MADEMJ048U",
        "日照远帆能源贸易有限公司",
        "91379900MADEMQ012H", "既不是本合同的买方或卖方，也不为任何一方提供担保",
        "2026-11-2310:13:20（北京时间）", "动力煤COAL-T5500-RZG", "QLDZ-R-000001", "A-1",
        "日照港煤炭堆场示例一库", "500吨", "722.00元/吨（含增值税）", "¥361,000.00",
        "人民币叁拾陆万壹仟元整", "¥319,469.03", "增值税（13%）", "¥41,530.97",
        "溢10%、短10%以内由卖方选择", "装货港水尺", "收到基低位发热量qnet_ar5500≥5000kcal/kg收到基",
        "2026-11-2516:00:00（北京时间）以前付清", "买方应在付清货款后15日内开具提货单",
        "每吨每日0.20元，自货物入库起免费20日", "买方应在交付完毕后5日内验收",
        "检验机构：CCIC、SGS、港口化验室；以装货港检验结果为准",
        "高于18起、至22止，每1：−1%（不足一档不计）", "低于5000买方可以拒收",
        "买方违约金为合同价款的10%", "以合同价款的20%为限", "不得并用", "仲裁",
        "买方莱州湾热电有限公司", "祁华用户1", "曲海用户2", "web-1", "2026-11-2310:12:20.010000",
        "2026-11-2310:13:20.010000", "ab" * 32, paper(said()).sha256,
        said()["rules_sha256"],
    ):  # fmt: skip
        assert expected in text, expected
    assert "U+" not in text


def test_the_rules_are_named_by_the_version_that_the_contract_keeps() -> None:
    content = said()
    text = "".join(pages(ordinary()))
    assert "市场规则版本第7版" in text
    assert f"该版本文本SHA-256{content['terms']['rules']['sha256']}" in text
    older = {key: value for key, value in content["terms"].items() if key != "rules"}
    assert "市场规则版本" not in "".join(pages(drawn(content | {"terms": older})))


def test_a_contract_by_receipt_promises_no_later_adjustment() -> None:
    text = "".join(pages(drawn(said(discharge="receipt"))))
    assert "买方于2026-11-30以前不得再行卖出" in text
    assert "仓单过户须由保管人签名" in text
    assert "过户后不作价格或重量调整" in text
    for absent in ("违约金", "定金", "提货单", "调整规则"):
        assert absent not in text, absent


def test_the_same_contract_is_the_same_file_dated_by_its_trade() -> None:
    assert drawn(said()) == ordinary()
    about = PdfReader(io.BytesIO(ordinary())).metadata
    assert about is not None
    assert about.creation_date == AT.replace(microsecond=0)
    assert about.modification_date is None


@pytest.mark.parametrize(
    "change", [{"trade_id": 8}, {"price_fen_per_t": 72_300}, {"goods": "别的"}]
)
def test_another_contract_is_another_file(change: dict[str, Any]) -> None:
    """Even when only the attached text differs."""
    assert drawn(said() | change) != ordinary()


def test_the_canonical_text_travels_inside() -> None:
    attached = PdfReader(io.BytesIO(ordinary())).attachments
    assert dict(attached) == {"QLDZ-C-000007.json": [canonical(said()).encode()]}


def test_the_english_version_names_everything_in_english() -> None:
    text = "".join(pages(drawn(said(), "en")))
    for expected in (
        "Contractforthesaleofgoodsinbulk", "LaizhouBayThermalPower", "RizhaoPortcoalyard",
        "neitherbuyernorseller", "theChineseversionprevails", "人民币叁拾陆万壹仟元整",
        "Page1of", "722.00CNY/t,VATincluded", paper(said()).sha256,
    ):  # fmt: skip
        assert expected in text, expected
    assert "第" not in text


def test_a_hundred_receipts_go_over_pages_under_repeated_headings() -> None:
    many = [
        {"number": f"QLDZ-R-{n:06d}", "pile": f"{n:03d}" + "堆" * 37, "lots": 5, "weight_kg": 5_000}
        for n in range(1, 101)
    ]
    text = pages(drawn(said(receipts=many)))
    assert len(text) > 5
    joined = "".join(text)
    for row in many:
        assert joined.count(row["number"]) == 1, row["number"]
    bearing = [page for page in text if "QLDZ-R-" in page]
    assert len(bearing) > 2
    assert all("仓单号货位或批号数量重量（吨）" in page for page in bearing)
    assert [page.count(f"第{n}页共{len(text)}页") for n, page in enumerate(text, start=1)] == [
        1
    ] * len(text)
    assert all("合同编号QLDZ-C-000007" in page for page in text)


def test_a_long_name_is_broken_over_lines_and_lost_nowhere() -> None:
    name = "山东省" + "远洋渔业" * 18 + "有限公司"
    latin = "X" * 300
    content = said(buyer=said()["buyer"] | {"name": name, "uscc": latin})
    text = "".join(pages(drawn(content)))
    assert name in text
    assert latin in text


def test_a_character_that_the_font_lacks_is_numbered_and_listed() -> None:
    name = f"青岛{RARE}海\u00ad贸易{{nb}}有限公司"
    content = said(seller=said()["seller"] | {"name": name})
    pdf = drawn(content)
    text = "".join(pages(pdf))
    assert text.count("青岛〔U+2A6D6〕海〔U+00AD〕贸易{nb}有限公司") == 2, "party and signature"
    assert "U+00ADSOFTHYPHEN、U+2A6D6CJKUNIFIEDIDEOGRAPH-2A6D6" in text
    (attached,) = PdfReader(io.BytesIO(pdf)).attachments.values()
    assert json.loads(attached[0])["seller"]["name"] == name


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("code", [one["code"] for one in reference.fixture()["commodities"]])
def test_every_commodity_has_its_words_and_letters(code: str, language: str) -> None:
    known = subset_font.characters()
    for discharge in ("acceptance", "receipt"):
        with translation.override(document.LANGUAGES[language]):
            content = document.content(paper(said(code, discharge)), SIGNED, language)
        shown = json.dumps(asdict(content), ensure_ascii=False, default=str)
        assert {sign for sign in shown if ord(sign) not in known} == set()


@pytest.mark.parametrize("code", [one["code"] for one in reference.fixture()["commodities"]])
def test_every_rule_can_be_said(code: str) -> None:
    rules = read_rules(said(code)["terms"]["quality"])
    for language in document.LANGUAGES.values():
        with translation.override(language):
            rows = [adjustment_words(rule, rules) for rule in rules.adjustments]
            rows += [reject_words(reject, rules) for reject in rules.rejects]
        assert all(cell for row in rows for cell in row)
    assert len(rows) == len(rules.adjustments) + len(rules.rejects)


def test_the_font_is_the_one_that_its_page_describes() -> None:
    described = (sheet.FONT.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(sheet.FONT.read_bytes()).hexdigest() in described
    assert (sheet.FONT.parent / "OFL.txt").exists()
    with TTFont(sheet.FONT) as font:
        assert set(font.getBestCmap()) >= subset_font.characters()
    assert sheet.FONT.stat().st_size < 2 * 2**20


def test_an_article_named_in_the_text_is_the_one_that_is_meant() -> None:
    with translation.override("zh-hans"):
        content = document.content(paper(said()), SIGNED, "zh")
    titles = {one.title for one in content.sections}
    assert "第七条 违约责任" in titles, "article 6 speaks of the penalty of article 7"


@given(
    st.text(st.sampled_from("合同，。（）《》 ab1¥.-\n"), max_size=60),
    st.integers(min_value=2, max_value=12),
)
def test_breaking_lines_loses_nothing_and_keeps_the_width(text: str, width: int) -> None:
    lines = broken(text, width, len)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= width for line in lines)
    assert len(lines) >= len(text.split("\n"))


def test_no_line_begins_with_a_comma_and_no_word_is_torn() -> None:
    text = "合同价款为，按约定（含税）支付 delivery 款项。"
    for width in range(10, 30):
        lines = broken(text, width, len)
        assert not [line for line in lines if line[:1] in "，。）"], width
        assert sum("delivery" in line for line in lines) == 1, width


# Who gets it.


def fetch(client: Client, what: str) -> Any:
    return client.get(f"{PAGE}{what}")


def test_parties_and_the_venues_people_get_the_same_files(desk: Desk) -> None:
    agreed(desk)
    people = [desk.client("trader", "lzrd"), desk.client("finance", "rzyf")]
    people.append(desk.client("operator"))
    for what, kind in (
        ("contract.pdf", "application/pdf"),
        ("contract.pdf?lang=en", "application/pdf"),
        ("contract.json", "application/json; charset=utf-8"),
    ):
        answers = [fetch(person, what) for person in people]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1, what
        one = answers[0]
        assert one["Content-Type"] == kind
        assert one["X-Content-SHA256"] == hashlib.sha256(one.content).hexdigest()
        assert "private" in one["Cache-Control"]
        assert one["Content-Disposition"].startswith('attachment; filename="QLDZ-C-000001')
    page = people[0].get(PAGE).content.decode()
    sealed = fetch(people[0], "contract.json")["X-Content-SHA256"]
    assert f'data-testid="contract-digest">{sealed}<' in page
    assert 'href="/qldz/contracts/1/contract.pdf"' in page
    assert sealed in "".join(pages(fetch(people[1], "contract.pdf").content))


def test_a_readers_own_language_does_not_change_the_file(desk: Desk) -> None:
    agreed(desk)
    client = desk.client("trader", "lzrd")
    before = fetch(client, "contract.pdf").content
    client.cookies["django_language"] = "en"
    assert fetch(client, "contract.pdf").content == before
    assert "English PDF" in client.get(PAGE).content.decode()


def test_nobody_else_finds_a_document(desk: Desk) -> None:
    agreed(desk)
    for what in ("contract.pdf", "contract.json", "contract.pdf?lang=en"):
        assert fetch(desk.client("trader", "jnqf"), what).status_code == 404
        abroad = desk.client("trader", "whhx", venue="jdsc")
        assert fetch(abroad, what).status_code == 404
        assert abroad.get(f"/jdsc/contracts/1/{what}").status_code == 404
    party = desk.client("trader", "lzrd")
    assert fetch(party, "contract.pdf?lang=fr").status_code == 404
    assert party.get("/qldz/contracts/2/contract.pdf").status_code == 404
    assert party.post(f"{PAGE}contract.pdf").status_code == 405


def test_a_contract_by_receipt_has_its_documents_and_evidence(desk: Desk) -> None:
    coal = desk.instrument()
    seller, buyer = desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, coal, 1_000)
    entered = desk.enter(seller, coal, Side.SELL, 500, 722)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), entered.order_id, 500))
    desk.catch_up()
    client = desk.client("trader", "lzrd")
    told = json.loads(fetch(client, "evidence.json").content)
    assert [row["side"] for row in told["signatures"]] == ["buyer", "seller"]
    assert told["contract"] == json.loads(fetch(client, "contract.json").content)
    text = "".join(pages(fetch(client, "contract.pdf").content))
    assert "仓单过户" in text
    assert told["contract_block"]["hash"] in text


def test_a_paper_from_before_has_its_text_and_no_document(desk: Desk) -> None:
    agreed(desk)
    unfreeze()
    with scope.venue(1):
        ContractPaper.objects.update(seq=0)
    client = desk.client("trader", "lzrd")
    assert fetch(client, "contract.json").status_code == 200
    assert fetch(client, "contract.pdf").status_code == 404
    page = client.get(PAGE).content.decode()
    assert "contract.json" in page
    assert "contract.pdf" not in page
