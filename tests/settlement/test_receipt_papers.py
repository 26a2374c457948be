"""What a registration states: the eight fields, photos, a certificate where the law asks one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from exchange import reference, scope
from exchange.models import Commodity
from settlement import receipt_files, receipt_papers, storage
from settlement.limits import RECEIPT_PHOTOS
from settlement.models import Receipt, ReceiptFile, ReceiptPaper
from settlement.receipt_papers import Certificate, Insurance, PaperError
from tests.papers import DAY, NOON, papers
from tests.pictures import PDF, picture
from tests.settlement.goods import Pile


@pytest.mark.django_db
def test_grain_cotton_and_food_need_a_certificate_and_coal_and_steel_do_not() -> None:
    reference.load()
    need = {
        one.category for one in Commodity.objects.all() if receipt_papers.needs_certificate(one)
    }
    assert need == {"grain", "cotton", "seafood"}
    categories = set(Commodity.objects.values_list("category", flat=True))
    assert categories - need == {"coal", "steel"}
    ore = Commodity(
        category="ore", parameters={"attributes": [{"code": "cert_no", "base": "required"}]}
    )
    assert receipt_papers.needs_certificate(ore)


FUTURE = NOON.date() + dt.timedelta(days=1)
INSURED = Insurance("示例保险", 10**9, DAY, FUTURE)
CERT = Certificate("1", "CCIC", DAY, None, PDF)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"depositor_address": " "}, "REQUIRED", "depositor_address"),
        ({"packing": ""}, "REQUIRED", "packing"),
        ({"place": ""}, "REQUIRED", "place"),
        ({"issued_by": ""}, "REQUIRED", "issued_by"),
        ({"issued_place": ""}, "REQUIRED", "issued_place"),
        ({"pieces": -1}, "AMOUNT", "pieces"),
        ({"is_unpledged": False}, "PLEDGED_ELSEWHERE", "is_unpledged"),
        ({"stored_from": FUTURE}, "FUTURE", "stored_from"),
        ({"issued_on": FUTURE}, "FUTURE", "issued_on"),
        ({"stored_until": NOON.date()}, "STORAGE_PERIOD", "stored_until"),
        ({"stored_until": dt.date(2037, 1, 1)}, "STORAGE_PERIOD", "stored_until"),
        ({"insurance": replace(INSURED, insurer="")}, "REQUIRED", "insurer"),
        ({"insurance": replace(INSURED, amount_fen=0)}, "AMOUNT", "insured"),
        ({"insurance": replace(INSURED, since=FUTURE, until=DAY)}, "DATES", "insured_until"),
        ({"photos": ()}, "PHOTOS", "photos"),
        ({"photos": (picture(),) * (RECEIPT_PHOTOS + 1)}, "PHOTOS", "photos"),
        ({"photos": (picture(), PDF)}, "NOT_AN_IMAGE", "photos"),
        ({"certificate": None}, "CERTIFICATE_REQUIRED", "certificate"),
        ({"certificate": replace(CERT, number="")}, "REQUIRED", "certificate_number"),
        ({"certificate": replace(CERT, body="")}, "REQUIRED", "certificate_body"),
        ({"certificate": replace(CERT, issued_on=FUTURE)}, "FUTURE", "certificate_issued_on"),
        (
            {"certificate": replace(CERT, valid_until=DAY)},
            "CERTIFICATE_OVER",
            "certificate_valid_until",
        ),
        ({"certificate": replace(CERT, content=b"x")}, "NOT_A_CERTIFICATE", "certificate"),
        ({"produced_on": None}, "REQUIRED", "produced_on"),
        ({"produced_on": FUTURE}, "FUTURE", "produced_on"),
        ({"produced_on": dt.date(2025, 1, 1)}, "SHELF_LIFE", "produced_on"),
    ],
)  # fmt: skip
def test_papers_that_lack_something_say_what(change: Any, code: str, field: str) -> None:
    reference.load()
    squid = Commodity.objects.get(code="SEA-SQD")
    receipt_papers.check(papers(), squid, now=NOON)
    with pytest.raises(PaperError) as refused:
        receipt_papers.check(papers(**change), squid, now=NOON)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.databases
@pytest.mark.django_db
def test_a_registration_keeps_its_papers_once_and_parts_share_them() -> None:
    pile = Pile(insurance=INSURED, photos=(picture(), picture("PNG")))
    pile.register("A-01", "goods", 1_000, packing="袋装")  # sent twice
    with scope.venue(1):
        paper = receipt_papers.of(pile.receipt)
        assert paper is not None
        terms = storage.Terms.read(pile.goods.commodity.parameters)
        assert (paper.packing, paper.depositor_id) == ("散装", pile.owner.pk)
        assert (paper.loss_pct, paper.fee_yuan_per_t_day) == (
            str(terms.natural_loss_pct), str(terms.fee_yuan_per_t_day),
        )  # fmt: skip
        assert (paper.insurer, paper.insured_fen) == ("示例保险", 10**9)
        assert paper.expires_on == paper.stored_until
        files = receipt_papers.files_of(pile.receipt)
        assert [(one.kind, one.position) for one in files] == [
            ("photo", 1), ("photo", 2), ("certificate", 1),
        ]  # fmt: skip
        for one in files:
            assert len(receipt_files.read("qldz", one.sha256)) == one.size_bytes
        part = Receipt(root_id=pile.receipt.pk, parent_id=pile.receipt.pk)
        assert receipt_papers.of(part) == paper
        assert receipt_papers.files_of(part) == files
    with scope.venue(2):
        assert receipt_papers.of(pile.receipt) is None
        assert receipt_papers.files_of(pile.receipt) == []


@pytest.mark.databases
@pytest.mark.django_db
def test_refused_papers_register_nothing() -> None:
    pile = Pile()
    assert pile.code(lambda: pile.register("B-01", "second", 10, photos=())) == "PHOTOS"
    with scope.venue(1):
        assert Receipt.objects.count() == 1
        assert (ReceiptPaper.objects.count(), ReceiptFile.objects.count()) == (1, 2)
