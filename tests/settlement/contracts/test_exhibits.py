"""Files of evidence: who puts them forward, until when, how many; they stay as they are."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from exchange import scope
from exchange.models import Role, Venue
from settlement import receipt_files
from settlement.contracts import archive, delivering, disputes, exhibits
from settlement.contracts.evidence import bundle
from settlement.contracts.flow import ContractError
from settlement.limits import EXHIBITS, RECEIPT_FILE_BYTES
from settlement.models import Exhibit
from settlement.receipt_files import FileError
from tests.pictures import PDF, picture
from tests.settlement.contracts.test_disputes import PAPER, disputed, stated
from tests.settlement.contracts.trade import Deal

pytestmark = [pytest.mark.databases, pytest.mark.django_db]


def pdf(number: int = 0) -> bytes:
    return PDF.replace(b"<<>>", f"<</N {number}>>".encode(), 1)


def staff(deal: Deal, role: Role = Role.CLERK) -> dict[str, Any]:
    return {"by": deal.people[str(role)], "role": role}


def paper(number: int = 0, description: str = "磅单照片") -> dict[str, Any]:
    return {"content": pdf(number), "description": description}


def rows(deal: Deal) -> list[Exhibit]:
    with deal.scope():
        return exhibits.of_contract(deal.contract())


def test_both_parties_and_the_clerk_are_heard_and_each_file_is_in_the_bundle() -> None:
    deal = disputed(stage="conciliation")
    photo = picture("PNG")
    deal.do(exhibits.attach, **deal.as_buyer(), content=photo, description=" 卸货现场 ")
    deal.do(exhibits.attach, **deal.as_seller(), **paper(1))
    deal.do(exhibits.attach, **staff(deal), **paper(2, "港口函"))
    with deal.scope():
        told = [bundle(deal.contract(), seen_by=who) for who in (None, deal.buyer, deal.seller)]
    assert told[0]["format"] == 3
    assert told[0]["exhibits"] == told[1]["exhibits"] == told[2]["exhibits"], "nothing is hidden"
    first, second, third = told[0]["exhibits"]
    assert [one["side"] for one in (first, second, third)] == ["buyer", "seller", "clerk"]
    assert (first["description"], first["file"]) == ("卸货现场", "exhibit-01-buyer.jpg")
    assert first["sent_sha256"] == hashlib.sha256(photo).hexdigest() != first["sha256"]
    for one in (first, second, third):
        kept = receipt_files.read("qldz", one["sha256"])
        assert (hashlib.sha256(kept).hexdigest(), len(kept)) == (one["sha256"], one["size_bytes"])
    assert receipt_files.read("qldz", second["sha256"]) == pdf(1)
    history = [row for row in told[0]["history"] if row["kind"] == "exhibit"]
    assert [row["detail"]["sha256"] for row in history] == [
        one["sha256"] for one in told[0]["exhibits"]
    ]
    assert [row["firm"] for row in history] == [deal.buyer.pk, deal.seller.pk, 0]


@pytest.mark.parametrize("stage", ["alleged", "conciliation", "panel"])
def test_the_file_is_open_until_the_panel_decides_and_stays_closed_on_appeal(stage: str) -> None:
    deal = disputed(stage=stage)
    deal.do(exhibits.attach, **deal.as_buyer(), **paper(1))
    if stage == "alleged":
        deal.do(disputes.respond, **deal.as_seller(), text="不同意")
    if stage != "panel":
        deal.do(disputes.to_panel, by=deal.people["clerk"])
    deal.do(exhibits.attach, **deal.as_seller(), **paper(2))
    deal.do(disputes.decide, by=deal.people["clerk"], seller_gets=1, text="裁决")
    for who in (deal.as_buyer(), deal.as_seller(), staff(deal)):
        assert deal.refusal(exhibits.attach, **who, **paper(3)) == "EVIDENCE_CLOSED"
    deal.do(disputes.appeal, **deal.as_seller())
    assert deal.dispute().state == "panel"
    assert deal.refusal(exhibits.attach, **deal.as_seller(), **paper(3)) == "EVIDENCE_CLOSED"
    assert [row.side for row in rows(deal)] == ["buyer", "seller"]


def test_before_a_court_the_courts_own_file_counts() -> None:
    deal = disputed()
    deal.do(disputes.take_to, by=deal.people["clerk"], forum="court", document=PAPER)
    assert deal.refusal(exhibits.attach, **deal.as_buyer(), **paper()) == "EVIDENCE_CLOSED"


def test_without_a_dispute_there_is_nothing_to_prove() -> None:
    deal = stated()
    assert deal.refusal(exhibits.attach, **deal.as_buyer(), **paper()) == "EVIDENCE_CLOSED"


def test_when_both_have_agreed_there_is_nothing_to_prove() -> None:
    deal = disputed(stage="conciliation")
    for who in (deal.as_buyer(), deal.as_seller()):
        deal.do(disputes.offer, **who, fen=1_000_000)
    assert deal.dispute().state == "executed"
    assert deal.refusal(exhibits.attach, **deal.as_buyer(), **paper()) == "EVIDENCE_CLOSED"
    deal.prove()


def test_about_goods_the_inspector_is_heard_too() -> None:
    deal = Deal()
    deal.deliver(1_000_000)
    inspector = staff(deal, Role.INSPECTOR)
    assert deal.refusal(exhibits.attach, **inspector, **paper()) == "NOT_ALLOWED"
    deal.do(delivering.dispute, **deal.as_buyer(), what="quality", reason="留样复检")
    deal.do(exhibits.attach, **inspector, **paper(1))
    deal.do(exhibits.attach, **deal.as_buyer(), **paper(1))
    assert [(row.matter, row.side) for row in rows(deal)] == [
        ("goods", "inspector"), ("goods", "buyer"),
    ]  # fmt: skip


@pytest.mark.parametrize("role", [Role.INSPECTOR, Role.WAREHOUSE, Role.OPERATOR])
def test_about_money_nobody_else_is_heard(role: Role) -> None:
    deal = disputed()
    who = {"by": deal.people["inspector"], "role": role}
    assert deal.refusal(exhibits.attach, **who, **paper()) == "NOT_ALLOWED"
    assert rows(deal) == []


def test_each_side_has_its_own_bound() -> None:
    deal = disputed()
    for number in range(EXHIBITS):
        deal.do(exhibits.attach, **deal.as_buyer(), **paper(number))
    assert deal.refusal(exhibits.attach, **deal.as_buyer(), **paper(99)) == "EVIDENCE_MOST"
    deal.do(exhibits.attach, **deal.as_seller(), **paper(99))
    assert [row.number for row in rows(deal)] == list(range(1, EXHIBITS + 2))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": b""}, "FILE_SIZE"),
        ({"content": b"x" * (RECEIPT_FILE_BYTES + 1)}, "FILE_SIZE"),
        ({"content": b"%PDF-1.7 cut off"}, "NOT_A_CERTIFICATE"),
        ({"content": b"<html><script>"}, "NOT_A_CERTIFICATE"),
        ({"content": picture("GIF")}, "NOT_A_CERTIFICATE"),
        ({"description": " "}, "REQUIRED"),
        ({"description": "x" * 201}, "TOO_LONG"),
    ],
)
def test_what_is_no_evidence_is_refused_and_nothing_is_written(
    change: dict[str, Any], code: str
) -> None:
    deal = disputed()
    before = deal.kinds()
    assert deal.refusal(exhibits.attach, **deal.as_buyer(), **paper() | change) == code
    assert (rows(deal), deal.kinds()) == ([], before)


def test_a_file_is_put_forward_once_by_each_side() -> None:
    deal = disputed()
    deal.do(exhibits.attach, **deal.as_buyer(), **paper())
    again = paper(description="又一次")
    assert deal.refusal(exhibits.attach, **deal.as_buyer(), **again) == "EVIDENCE_TWICE"
    deal.do(exhibits.attach, **deal.as_seller(), **paper())


def test_a_stranger_and_another_venue_find_no_contract() -> None:
    deal = disputed()
    stranger = {"firm": deal.stranger, "by": deal.people["clerk"]}
    assert deal.refusal(exhibits.attach, **stranger, **paper()) == "UNKNOWN_CONTRACT"
    deal.do(exhibits.attach, **deal.as_buyer(), **paper())
    abroad = Venue.objects.exclude(pk=deal.world.venue.pk).order_by("pk").first()
    assert abroad is not None
    with scope.venue(abroad.pk):
        assert not Exhibit.objects.exists()
        with pytest.raises(ContractError, match="UNKNOWN_CONTRACT"):
            exhibits.attach(1, **staff(deal), **paper(), now=deal.now)


@pytest.mark.parametrize("act", ["update", "delete"])
def test_the_database_refuses_to_change_or_remove_evidence(act: str) -> None:
    deal = disputed()
    deal.do(exhibits.attach, **deal.as_buyer(), **paper())
    with deal.scope():
        found = Exhibit.objects.order_by("pk")
        run = partial(found.update, description="别的") if act == "update" else found.delete
        with pytest.raises(DatabaseError), transaction.atomic():
            run()


def zipped(deal: Deal) -> list[bytes]:
    with deal.scope():
        found = exhibits.of_contract(deal.contract())
        return list(archive.chunks(found, "qldz", bundle=b"{}", bundle_name="evidence.json"))


def test_the_archive_is_the_same_bytes_each_time_and_holds_one_file_at_a_time() -> None:
    deal = disputed()
    for number in (1, 2, 3):
        deal.do(exhibits.attach, **deal.as_buyer(), **paper(number))
    chunks = zipped(deal)
    assert b"".join(chunks) == b"".join(zipped(deal))
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as read:
        assert read.testzip() is None
        assert read.namelist() == [
            "evidence.json", *[f"exhibit-0{number}-buyer.pdf" for number in (1, 2, 3)],
        ]  # fmt: skip
        assert [read.read(row) for row in read.namelist()[1:]] == [pdf(1), pdf(2), pdf(3)]
    deal.do(exhibits.attach, **deal.as_seller(), **paper(4))
    assert b"".join(chunks) != b"".join(zipped(deal))


def test_the_archive_asks_for_one_file_after_the_other_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deal = disputed()
    for number in (1, 2):
        deal.do(exhibits.attach, **deal.as_buyer(), **paper(number))
    asked: list[str] = []
    read = receipt_files.read

    def watched(venue_code: str, sha256: str) -> bytes:
        asked.append(sha256)
        return read(venue_code, sha256)

    monkeypatch.setattr(receipt_files, "read", watched)
    gone = b""
    for chunk in archive.chunks(rows(deal), "qldz", bundle=b"{}", bundle_name="evidence.json"):
        gone += chunk
        for number in range(1, len(asked)):
            assert pdf(number) in gone, "the next is read when the one before has gone"
    assert len(asked) == 2


def test_a_file_that_is_not_what_was_kept_is_never_given_out() -> None:
    deal = disputed()
    deal.do(exhibits.attach, **deal.as_buyer(), **paper(7))
    (row,) = rows(deal)
    path = receipt_files._path("qldz", row.sha256)
    path.write_bytes(pdf(8))
    with pytest.raises(FileError, match="FILE_DAMAGED"):
        zipped(deal)
    path.unlink()
    with pytest.raises(FileError, match="FILE_LOST"):
        zipped(deal)
