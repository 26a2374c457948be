"""A receipt's papers and pictures, freezes, pledges and splits, by the people whose job it is."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from django.test import Client

from exchange import scope
from exchange.models import Role
from matching.commands import Side
from settlement import expiry, receipt_files
from settlement.models import Receipt, ReceiptFile, ReceiptHold, ReceiptPaper
from tests.papers import papers
from tests.pictures import PDF, picture
from tests.web.desk import Desk, codes, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db
HEADERS = ("Content-Type", "Content-Disposition", "X-Content-Type-Options", "Cache-Control")


def send(client: Client, path: str, **fields: Any) -> Any:
    return client.post(path, {"op_id": str(uuid.uuid4())} | fields)


class Case:
    """A pile of 2,000 t and the people around it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.coal, self.owner = desk.instrument(), desk.firm("rzyf")
        self.receipt = desk.store(self.owner, self.coal, 2_000)
        self.keeper = desk.client(Role.WAREHOUSE)
        self.operator, self.reviewer = desk.client(Role.OPERATOR), desk.client(Role.REVIEWER)
        self.delivery = desk.client(Role.DELIVERY, "rzyf")
        self.staff_path = f"/qldz/store/receipts/{self.receipt.pk}/"
        self.owner_path = f"/qldz/receipts/{self.receipt.pk}/"

    def hold(self) -> ReceiptHold:
        self.desk.catch_up()
        with scope.venue(1):
            return ReceiptHold.objects.latest("pk")

    def rows(self) -> list[tuple[str, int]]:
        self.desk.catch_up()
        with scope.venue(1):
            return list(
                Receipt.objects.filter(lots__gt=0).order_by("pk").values_list("state", "lots")
            )


@pytest.fixture
def case(desk: Desk) -> Case:
    return Case(desk)


def test_the_papers_are_shown_to_owner_and_staff_and_old_receipts_have_none(case: Case) -> None:
    for client, path in (
        (case.delivery, case.owner_path), (case.keeper, case.staff_path),
        (case.operator, case.staff_path), (case.desk.client(Role.INSPECTOR), case.staff_path),
    ):  # fmt: skip
        page = client.get(path).content.decode()
        for said in ("日照市东港区 1 号", "2026-11-20 – 2027-11-19", "CCIC-1", "未投保"):
            assert said in page, (path, said)
        assert page.count('data-testid="photo"') == 1
        assert " style=" not in page
        assert "not-recorded" not in page
    with scope.venue(1):
        ReceiptFile.objects.all().delete()
        ReceiptPaper.objects.all().delete()
    page = case.delivery.get(case.owner_path).content.decode()
    assert ('data-testid="not-recorded"' in page, page.count("未记载") >= 8) == (True, True)


def test_a_file_is_given_to_those_who_may_see_it_and_is_not_there_for_others(case: Case) -> None:
    with scope.venue(1):
        photo, certificate = ReceiptFile.objects.order_by("pk")
        part = Receipt.objects.create(
            venue=case.desk.venue, origin="aside:x", root_id=case.receipt.pk,
            parent_id=case.receipt.pk, owner=case.desk.firm("lzrd"), instrument=case.coal,
            warehouse=case.coal.warehouse, lot_reference="x", lots=1, weight_kg=1_000,
            state="registered", made_at=case.receipt.made_at,
        )  # fmt: skip

    def path(receipt: Receipt, file: ReceiptFile, venue: str = "qldz") -> str:
        return f"/{venue}/receipts/{receipt.pk}/files/{file.pk}/"

    holder = case.desk.client(Role.TRADER, "lzrd")
    inspector = case.desk.client(Role.INSPECTOR)
    for client in (case.delivery, case.keeper, case.operator, case.reviewer, inspector):
        answer = client.get(path(case.receipt, photo))
        assert answer.status_code == 200
        assert answer.content == receipt_files.photo(picture()).body
    assert [answer[name] for name in HEADERS] == [
        "image/jpeg", f'inline; filename="qldz-{case.receipt.pk}-photo-1.jpg"', "nosniff",
        "private, max-age=3600",
    ]  # fmt: skip
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    answer = case.delivery.get(path(case.receipt, certificate))
    assert (answer.content, answer["Content-Type"]) == (PDF, "application/pdf")
    assert answer["Content-Disposition"].startswith("attachment;")
    assert holder.get(path(part, photo)).status_code == 200, "a part's holder sees its pile"
    for stranger in (
        holder,
        case.desk.client(Role.CLERK),
        case.desk.client(Role.WAREHOUSE, venue="jdsc"),
    ):
        assert stranger.get(path(case.receipt, photo)).status_code == 404
    other = case.desk.store(case.owner, case.coal, 1_000)
    with scope.venue(1):
        foreign = ReceiptFile.objects.filter(receipt=other).first()
    assert foreign is not None
    assert case.delivery.get(path(case.receipt, foreign)).status_code == 404, "of another pile"
    assert case.keeper.get(path(case.receipt, photo, "jdsc")).status_code == 404
    receipt_files._path("qldz", photo.sha256).write_bytes(b"changed")
    assert case.keeper.get(path(case.receipt, photo)).status_code == 404
    receipt_files._path("qldz", photo.sha256).unlink()


def test_a_freeze_withdraws_what_is_on_offer_and_the_owner_reads_why(case: Case) -> None:
    case.desk.enter(case.owner, case.coal, Side.SELL, 600, 722)
    case.desk.catch_up()
    page = case.operator.get(case.staff_path).content.decode()
    assert re.search(r'data-testid="on-offer">.*?<dd>600 吨</dd>', page)
    assert "已挂牌的数量一并冻结，所涉挂牌自动撤回" in page
    assert "不填则为合同未锁定的全部数量，包括已挂牌的。" in page
    trader = case.desk.client(Role.TRADER, "rzyf")
    assert "order-reason" not in trader.get("/qldz/orders/").content.decode()

    ask = {"act": "freeze", "reason": "court", "document": "(2026) 7"}
    assert send(case.operator, case.staff_path, **ask).status_code == 302

    assert case.rows() == [("aside", 2_000)]
    for language, why in (("zh-hans", "仓单被冻结或已到期"), ("en", "Receipt frozen or expired")):
        trader.cookies["django_language"] = language
        page = trader.get("/qldz/orders/").content.decode()
        assert page.count('data-state="cancelled"') == 1
        assert f'data-testid="order-reason">{why}<' in page
    trader.cookies["django_language"] = "zh-hans"
    listed = trader.get("/qldz/receipts/").content.decode()
    assert '<small class="why">冻结</small>' in listed
    other = case.desk.client(Role.TRADER, "lzrd")
    assert "order-row" not in other.get("/qldz/orders/").content.decode()


def test_the_operator_freezes_the_owner_sees_it_and_the_reviewer_lifts(case: Case) -> None:
    ask = {"act": "freeze", "reason": "court", "document": "(2026) 7"}
    for client in (case.keeper, case.reviewer):
        assert send(client, case.staff_path, **ask).status_code == 404
    too_much = send(case.operator, case.staff_path, **ask, quantity="2001")
    assert (too_much.status_code, codes(too_much)) == (422, ["AMOUNT"])
    wrong = send(case.operator, case.staff_path, **ask | {"document": ""}, quantity="x")
    assert (wrong.status_code, codes(wrong)) == (422, ["REQUIRED", "NUMBER"])
    assert send(case.operator, case.staff_path, **ask, quantity="300").status_code == 302
    assert case.rows() == [("registered", 1_700), ("aside", 300)]
    hold = case.hold()
    part_path = f"/qldz/store/receipts/{hold.receipt_id}/"
    page = case.delivery.get(f"/qldz/receipts/{hold.receipt_id}/").content.decode()
    assert "司法冻结" in page
    assert 'data-testid="aside"' in page
    assert 'data-testid="collect"' not in page
    other = case.desk.client(Role.DELIVERY, "lzrd")
    assert other.get(f"/qldz/receipts/{hold.receipt_id}/").status_code == 404
    assert 'data-testid="lift"' not in case.operator.get(part_path).content.decode()
    assert 'data-testid="lift"' in case.reviewer.get(part_path).content.decode()
    listed = case.reviewer.get("/qldz/ops/receipts/").content.decode()
    assert listed.count('data-testid="hold-row"') == 1
    lift = {"act": "lift", "row": hold.pk, "document": "(2026) 8"}
    assert send(case.keeper, part_path, **lift).status_code == 404
    assert send(case.reviewer, case.staff_path, **lift).status_code == 404, "not on this receipt"
    assert send(case.reviewer, part_path, **lift | {"document": ""}).status_code == 302
    assert case.hold().state == "held"
    send(case.reviewer, part_path, **lift)
    assert case.rows() == [("registered", 1_700), ("registered", 300)]
    assert send(case.reviewer, part_path, act="nothing").status_code == 404


def test_a_pledge_passes_through_keeper_and_operator_both_ways(case: Case) -> None:
    ask = {
        "act": "pledge", "pledgee": "示例银行", "secured": "50000.00", "document": "质 1",
        "quantity": "", "declaration": "none",
    }  # fmt: skip
    assert send(case.operator, case.staff_path, **ask).status_code == 404
    for change, code in (
        ({"declaration": "pledged"}, "PLEDGED_ELSEWHERE"), ({"secured": "0"}, "NUMBER"),
        ({"pledgee": ""}, "REQUIRED"), ({"declaration": ""}, "REQUIRED"),
    ):  # fmt: skip
        answer = send(case.keeper, case.staff_path, **ask | change)
        assert (answer.status_code, codes(answer)) == (422, [code])
    assert send(case.keeper, case.staff_path, **ask).status_code == 302
    hold = case.hold()
    assert (hold.state, case.rows()) == ("entered", [("registered", 2_000)])
    assert "待另一方确认" in case.operator.get("/qldz/ops/receipts/").content.decode()
    confirm = {"act": "confirm", "row": hold.pk, "agreed": "yes"}
    assert send(case.keeper, case.staff_path, **confirm).status_code == 404
    send(case.operator, case.staff_path, **confirm)
    assert (case.hold().state, case.rows()) == ("held", [("aside", 2_000)])
    page = case.delivery.get(case.owner_path).content.decode()
    assert "示例银行" in page
    assert "¥50,000.00" in page
    release = {"act": "release", "row": hold.pk}
    send(case.operator, case.staff_path, **release)
    assert case.hold().state == "held", "without the pledgee's consent"
    consent = {"act": "consent", "row": hold.pk, "document": "同意 1"}
    assert send(case.operator, case.staff_path, **consent).status_code == 404
    send(case.keeper, case.staff_path, **consent)
    assert "待确认解除" in case.operator.get("/qldz/ops/receipts/").content.decode()
    send(case.operator, case.staff_path, **release)
    assert (case.hold().state, case.rows()) == ("lifted", [("registered", 2_000)])


def test_the_owner_asks_for_a_split_and_the_keeper_consents(case: Case) -> None:
    ask = {"act": "split", "quantity": "500"}
    trader = case.desk.client(Role.TRADER, "rzyf")
    assert send(trader, case.owner_path, **ask).status_code == 404
    other = case.desk.client(Role.DELIVERY, "lzrd")
    assert send(other, case.owner_path, **ask).status_code == 404
    for quantity, code in (("100", "BELOW_MINIMUM"), ("550", "QUANTITY_STEP"), ("x", "NUMBER"),
                           ("1,900", "SPLIT_REST")):  # fmt: skip
        answer = send(case.delivery, case.owner_path, act="split", quantity=quantity)
        assert (answer.status_code, codes(answer)) == (422, [code])
    assert send(case.delivery, case.owner_path, **ask).status_code == 302
    assert "待仓库同意" in case.delivery.get(case.owner_path).content.decode()
    row = case.hold().pk
    assert 'data-testid="split-row"' in case.keeper.get("/qldz/store/").content.decode()
    answer = {"act": "split", "row": row, "agreed": "yes"}
    for outsider in (case.operator, case.desk.client(Role.WAREHOUSE, venue="jdsc")):
        assert send(outsider, "/qldz/store/", **answer).status_code == 404
    elsewhere = case.desk.client(Role.WAREHOUSE, venue="jdsc")
    assert send(elsewhere, "/jdsc/store/", **answer).status_code == 404
    assert send(case.keeper, "/qldz/store/", **answer | {"agreed": "perhaps"}).status_code == 404
    assert send(case.keeper, "/qldz/store/", **answer).status_code == 302
    assert case.rows() == [("registered", 1_500), ("registered", 500)]
    page = case.delivery.get("/qldz/receipts/").content.decode()
    assert page.count('data-testid="receipt-row"') == 2
    assert 'data-testid="split-row"' not in case.keeper.get("/qldz/store/").content.decode()


def test_what_nears_its_end_is_told_to_owner_and_keeper_and_extended(case: Case) -> None:
    today = dt.datetime.now(tz=dt.UTC)
    near = (today + dt.timedelta(days=9)).date()
    with scope.venue(1):
        ReceiptPaper.objects.update(stored_until=near, expires_on=near)
    for client, path in (
        (case.delivery, "/qldz/receipts/"), (case.delivery, case.owner_path),
        (case.keeper, "/qldz/store/"), (case.keeper, case.staff_path),
    ):  # fmt: skip
        assert re.search(r'data-testid="(near-expiry|expiring|expiring-row)"',
                         client.get(path).content.decode()), path  # fmt: skip
    with scope.venue(1):
        assert expiry.sweep(today + dt.timedelta(days=11)) == 1
    assert case.rows() == [("aside", 2_000)]
    ask = {"act": "extend", "document": "续 1"}
    wrong = send(case.keeper, case.staff_path, **ask, stored_until=near.isoformat())
    assert (wrong.status_code, codes(wrong)) == (422, ["STORAGE_PERIOD"])
    later = (near + dt.timedelta(days=90)).isoformat()
    assert send(case.operator, case.staff_path, **ask, stored_until=later).status_code == 404
    assert send(case.keeper, case.staff_path, **ask, stored_until=later).status_code == 302
    assert case.rows() == [("registered", 2_000)]
    page = case.keeper.get(case.staff_path).content.decode()
    assert f"原至 {near.isoformat()}" in page
    assert 'data-testid="expiring-row"' not in case.keeper.get("/qldz/store/").content.decode()


def test_a_receipt_is_found_by_its_number(case: Case) -> None:
    for asked in (f"QLDZ-R-{case.receipt.pk:06d}", str(case.receipt.pk)):
        answer = case.operator.get("/qldz/ops/receipts/", {"number": asked})
        assert (answer.status_code, answer["Location"]) == (302, case.staff_path)
    for asked in ("QLDZ-R-999999", "nothing", "0", "9" * 30):
        page = case.operator.get("/qldz/ops/receipts/", {"number": asked})
        assert (page.status_code, "没有该仓单" in page.content.decode()) == (200, True)


def test_every_staff_page_is_404_for_another_venue_and_for_firms(case: Case) -> None:
    for outsider in (
        case.delivery,
        case.desk.client(Role.CLERK),
        case.desk.client(Role.OPERATOR, venue="jdsc"),
    ):
        assert outsider.get(case.staff_path).status_code == 404
        assert send(outsider, case.staff_path, act="freeze").status_code == 404
    assert papers().is_unpledged
    elsewhere = case.desk.client(Role.OPERATOR, venue="jdsc")
    assert elsewhere.get(case.staff_path.replace("qldz", "jdsc")).status_code == 404
