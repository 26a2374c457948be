"""The warehouse registers what lies in store: once, one pile one receipt, pieces by weight."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from exchange import scope
from exchange.models import Firm, Instrument, Membership
from exchange.sequencer import now_us
from matching.commands import LiftOrder, Side
from settlement.limits import RECEIPT_FILE_BYTES, RECEIPT_PHOTOS
from settlement.models import Endorsement, Receipt, ReceiptFile, ReceiptPaper
from tests.pictures import PDF, picture
from tests.web.desk import Desk, codes, desk, operation

__all__ = ["desk"]


def upload(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def filled(client: Client, one: Instrument, **change: Any) -> dict[str, Any]:
    until = timezone.localdate() + dt.timedelta(days=180)
    return {
        "firm": str(Firm.objects.get(code="rzyf").pk),
        "instrument": str(one.pk),
        "quantity": "1,500",
        "weight": "",
        "lot_reference": "A-01",
        "depositor_address": "日照市东港区 1 号",
        "packing": "散装",
        "place": "日照市石臼港区 3 号",
        "stored_from": timezone.localdate().isoformat(),
        "stored_until": until.isoformat(),
        "issued_by": "日照港煤炭堆场",
        "issued_place": "日照",
        "issued_on": timezone.localdate().isoformat(),
        "declaration": "none",
        "photos": [upload(picture())],
        "op_id": operation(client.get("/qldz/store/")),
    } | change


def registered() -> list[tuple[str, int, int, str]]:
    with scope.venue(1):
        return [
            (row.lot_reference, row.lots, row.weight_kg, row.state)
            for row in Receipt.objects.order_by("pk")
        ]


def test_a_registration_sent_twice_makes_one_receipt_that_its_owner_sees(desk: Desk) -> None:
    coal = desk.instrument()
    desk.firm("rzyf")
    keeper = desk.client("warehouse")
    form = filled(keeper, coal)
    sent = [form | {"photos": [upload(picture())]} for _ in range(2)]
    assert [keeper.post("/qldz/store/", one).status_code for one in sent] == [302, 302]
    assert registered() == [("A-01", 1_500, 1_500_000, "applied")]
    desk.catch_up()
    assert registered() == [("A-01", 1_500, 1_500_000, "registered")]
    page = desk.client("trader", "rzyf").get("/qldz/receipts/").content.decode()
    assert "QLDZ-R-" in page
    assert "1,500 吨" in page


def test_a_pile_has_one_receipt(desk: Desk) -> None:
    coal = desk.instrument()
    desk.firm("rzyf")
    keeper = desk.client("warehouse")
    keeper.post("/qldz/store/", filled(keeper, coal))
    answer = keeper.post("/qldz/store/", filled(keeper, coal))
    assert (answer.status_code, codes(answer)) == (422, ["PILE_TAKEN"])


def test_a_coil_is_one_receipt_of_its_own_weight(desk: Desk) -> None:
    coil = desk.instrument("STL-HRC235")
    desk.firm("rzyf")
    keeper = desk.client("warehouse")
    for change, expected in (
        ({"quantity": "1", "weight": ""}, ["REQUIRED"]),
        ({"quantity": "2", "weight": "50"}, ["ONE_PIECE"]),
        ({"quantity": "1", "weight": "900"}, ["RECEIPT_WEIGHT"]),
        ({"quantity": "1", "weight": "20.1234"}, ["NUMBER"]),
    ):
        answer = keeper.post("/qldz/store/", filled(keeper, coil, **change))
        assert (answer.status_code, codes(answer)) == (422, expected)
    good = filled(keeper, coil, quantity="1", weight="20.125")
    assert keeper.post("/qldz/store/", good).status_code == 302
    desk.catch_up()
    assert registered() == [("A-01", 1, 20_125, "registered")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "0"}, "NUMBER"),
        ({"quantity": "1.5"}, "NUMBER"),
        ({"quantity": "-5"}, "NUMBER"),
        ({"instrument": "999999"}, "CHOICE"),
        ({"firm": "999999"}, "CHOICE"),
        ({"lot_reference": ""}, "REQUIRED"),
        ({"lot_reference": "x" * 41}, "TOO_LONG"),
        ({"depositor_address": ""}, "REQUIRED"),
        ({"packing": ""}, "REQUIRED"),
        ({"pieces": "1.5"}, "NUMBER"),
        ({"place": ""}, "REQUIRED"),
        ({"stored_until": ""}, "REQUIRED"),
        ({"stored_until": "2026-13-01"}, "INVALID"),
        ({"stored_until": "2020-01-01"}, "STORAGE_PERIOD"),
        ({"stored_from": "2099-01-01"}, "FUTURE"),
        ({"issued_by": ""}, "REQUIRED"),
        ({"issued_place": ""}, "REQUIRED"),
        ({"issued_on": "2099-01-01"}, "FUTURE"),
        ({"declaration": ""}, "REQUIRED"),
        ({"declaration": "pledged"}, "PLEDGED_ELSEWHERE"),
        ({"photos": []}, "REQUIRED"),
        ({"photos": [upload(b"<svg/>", "photo.jpg")]}, "NOT_AN_IMAGE"),
        ({"photos": [upload(b"", "photo.jpg")]}, "FILE_SIZE"),
        ({"photos": [upload(b"x" * (RECEIPT_FILE_BYTES + 1))]}, "FILE_SIZE"),
        ({"photos": [upload(picture()) for _ in range(RECEIPT_PHOTOS + 1)]}, "PHOTOS"),
        ({"produced_on": "2099-01-01"}, "FUTURE"),
    ],
)
def test_what_cannot_be_in_store_is_refused(desk: Desk, change: dict[str, Any], code: str) -> None:
    coal = desk.instrument()
    keeper = desk.client("warehouse")
    answer: Any = keeper.post("/qldz/store/", filled(keeper, coal, **change))
    assert (answer.status_code, codes(answer)) == (422, [code])
    assert registered() == []
    assert "日照" in answer.content.decode(), "what was typed stays"


def test_insurance_and_certificate_are_whole_or_absent(desk: Desk) -> None:
    coal = desk.instrument()
    desk.firm("rzyf")
    keeper = desk.client("warehouse")
    half = filled(keeper, coal, insurer="示例保险", certificate_number="CCIC-1")
    answer = keeper.post("/qldz/store/", half)
    assert (answer.status_code, codes(answer)) == (422, ["REQUIRED"] * 6)
    day = timezone.localdate().isoformat()
    whole = filled(
        keeper,
        coal,
        insurer="示例保险",
        insured="1,000,000.00",
        insured_from=day,
        insured_until=day,
        certificate_number="CCIC-1",
        certificate_body="CCIC",
        certificate_issued_on=day,
        certificate=upload(PDF, "c.pdf"),
    )
    assert keeper.post("/qldz/store/", whole).status_code == 302
    with scope.venue(1):
        paper = ReceiptPaper.objects.get()
        assert (paper.insurer, paper.insured_fen, paper.certificate_number) == (
            "示例保险", 100_000_000, "CCIC-1",
        )  # fmt: skip
        assert [one.kind for one in ReceiptFile.objects.order_by("pk")] == ["photo", "certificate"]


def test_food_comes_with_a_certificate_and_enough_shelf_life(desk: Desk) -> None:
    wheat = desk.instrument("GRN-WHT")
    desk.firm("rzyf")
    keeper = desk.client("warehouse")
    today = timezone.localdate()
    for change, code in (
        ({}, "REQUIRED"),
        ({"produced_on": (today - dt.timedelta(days=3 * 365 + 200)).isoformat()}, "SHELF_LIFE"),
        ({"produced_on": today.isoformat()}, "CERTIFICATE_REQUIRED"),
    ):
        answer = keeper.post("/qldz/store/", filled(keeper, wheat, **change))
        assert (answer.status_code, codes(answer)) == (422, [code])


def test_firms_that_may_not_sell_here_are_not_offered(desk: Desk) -> None:
    coal = desk.instrument()
    keeper = desk.client("warehouse")
    with scope.venue(1):
        offered = set(Membership.objects.filter(may_sell=True).values_list("firm_id", flat=True))
    for code in ("lzrd", "rcyy"):
        firm = Firm.objects.get(code=code)
        assert firm.pk not in offered
        answer = keeper.post("/qldz/store/", filled(keeper, coal, firm=str(firm.pk)))
        assert codes(answer) == ["CHOICE"]


def test_the_keeper_signs_a_transfer_and_its_holder_then_collects(desk: Desk) -> None:
    coal, seller, buyer = desk.instrument(), desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 1_000_000)
    desk.store(seller, coal, 1_000)
    offer = desk.enter(seller, coal, Side.SELL, 600, 722)
    desk.command(LiftOrder(buyer.pk, 1, "lift", now_us(), offer.order_id, 600))
    desk.catch_up()
    with scope.venue(1):
        bought = Receipt.objects.get(owner=buyer, state="registered")
        key = Endorsement.objects.get().key
    keeper, holder = desk.client("warehouse"), desk.client("delivery", "lzrd")
    path = f"/qldz/receipts/{bought.pk}/"
    page = holder.get(path).content.decode()
    assert ("待签章" in page, 'data-testid="collect"' in page) == (True, False)
    desk_page = keeper.get("/qldz/store/")
    assert desk_page.content.decode().count('data-testid="transfer-row"') == 1
    form = {"act": "sign", "transfer": key, "op_id": operation(desk_page)}
    for outsider in (desk.client("operator"), desk.client("warehouse", venue="jdsc"), holder):
        assert outsider.post("/qldz/store/", form).status_code == 404
    for missing in ({"transfer": "1/0/0/0"}, {"transfer": ""}, {"op_id": ""}):
        assert keeper.post("/qldz/store/", form | missing).status_code == 404

    answer = keeper.post("/qldz/store/", form, follow=True)

    assert "的转让已签章" in answer.content.decode()
    assert 'data-testid="transfer-row"' not in answer.content.decode()
    page = holder.get(path).content.decode()
    assert ("已签章" in page, 'data-testid="collect"' in page) == (True, True)


def test_all_that_is_shown_is_signed_at_once_and_nothing_that_came_later(desk: Desk) -> None:
    coal, seller, buyer = desk.instrument(), desk.firm("rzyf"), desk.firm("lzrd")
    desk.pay_in(buyer, 2_000_000)
    desk.store(seller, coal, 2_000)
    offer = desk.enter(seller, coal, Side.SELL, 1_500, 722)

    def lift(number: int) -> None:
        desk.command(LiftOrder(buyer.pk, 1, f"lift {number}", now_us(), offer.order_id, 500))
        desk.catch_up()

    lift(1)
    lift(2)
    keeper = desk.client("warehouse")
    shown = keeper.get("/qldz/store/").content.decode()
    form = re.search(r'name="op_id" value="([0-9a-f-]{36})".*?value="(through:[^"]+)"', shown)
    assert form is not None
    lift(3)
    answer = keeper.post(
        "/qldz/store/", {"act": "sign", "op_id": form[1], "transfer": form[2]}, follow=True
    )
    page = answer.content.decode()
    assert "已签章 2 笔转让" in page
    assert page.count('data-testid="transfer-row"') == 1


def test_only_the_warehouse_of_the_venue_has_the_page(desk: Desk) -> None:
    for outsider in (
        desk.client("trader", "rzyf"),
        desk.client("operator"),
        desk.client("warehouse", venue="jdsc"),
    ):
        assert outsider.get("/qldz/store/").status_code == 404
        assert outsider.post("/qldz/store/", {}).status_code == 404
    answer = desk.client("warehouse").get("/qldz/store/")
    assert answer.status_code == 200
    assert " style=" not in answer.content.decode()
