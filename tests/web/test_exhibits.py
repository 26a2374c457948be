"""Evidence on a contract's page: sent as a form, seen by both sides, downloaded as one archive."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory

from exchange import scope
from exchange.models import Role, Seat
from settlement import receipt_files
from settlement.models import Exhibit
from tests.pictures import PDF, picture
from tests.web.desk import Desk, codes, desk
from tests.web.test_contracts import PAGE, act, acts, agreed, deliver
from web.views import documents

__all__ = ["desk"]

ZIP = f"{PAGE}evidence.zip"


def quarrel(desk: Desk) -> None:
    """Deliver, and let the buyer dispute a part of the money."""
    agreed(desk, cover_bp=10_000)
    deliver(desk)
    act(desk, desk.client("finance", "lzrd"), "object", amount="1000.00", reason="重量不符")


def file(content: bytes = PDF, name: str = "a.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def put(desk: Desk, client: Client, content: bytes = PDF, description: str = "磅单") -> Any:
    return act(desk, client, "exhibit", file=file(content), description=description)


def whole(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_what_one_side_shows_the_other_sees_and_a_stranger_does_not(desk: Desk) -> None:
    quarrel(desk)
    buyer, seller = desk.client("delivery", "lzrd"), desk.client("finance", "rzyf")
    clerk, operator = desk.client("clerk"), desk.client("operator")
    assert put(desk, buyer, picture(), "卸货现场").status_code == 302
    assert put(desk, seller).status_code == 302
    assert put(desk, clerk, description="港口函").status_code == 302
    for reader in (buyer, seller, clerk, operator, desk.client("inspector")):
        page = reader.get(PAGE).content.decode()
        assert page.count('data-testid="exhibit-row"') == 3
        assert "卸货现场" in page
        assert " style=" not in page
        photo, paper = (reader.get(f"{PAGE}exhibits/{number}/") for number in (1, 2))
        assert photo.content == receipt_files.photo(picture()).body
        assert (photo["Content-Type"], paper["Content-Type"]) == ("image/jpeg", "application/pdf")
        assert photo["Content-Disposition"].startswith("inline;")
        assert paper["Content-Disposition"] == (
            'attachment; filename="QLDZ-C-000001-exhibit-02-seller.pdf"'
        )
        for answer in (photo, paper):
            assert answer["X-Content-SHA256"] == hashlib.sha256(answer.content).hexdigest()
            assert answer["X-Content-Type-Options"] == "nosniff"
    keeper = desk.client("warehouse")
    assert "exhibit-row" not in keeper.get(PAGE).content.decode()
    for stranger in (desk.client("finance", "jnqf"), keeper):
        assert stranger.get(f"{PAGE}exhibits/1/").status_code == 404
        assert stranger.get(ZIP).status_code == 404
    assert buyer.get(f"{PAGE}exhibits/4/").status_code == 404
    abroad = desk.client("clerk", venue="jdsc")
    assert abroad.get("/jdsc/contracts/1/exhibits/1/").status_code == 404
    assert abroad.get("/jdsc/contracts/1/evidence.zip").status_code == 404


def test_only_who_has_a_part_in_it_puts_evidence_forward(desk: Desk) -> None:
    quarrel(desk)
    for role, firm in (
        ("finance", "lzrd"), ("delivery", "lzrd"), ("finance", "rzyf"), ("clerk", ""),
    ):  # fmt: skip
        assert "exhibit" in acts(desk.client(role, firm).get(PAGE).content.decode())
    for role, firm, status in (
        ("trader", "lzrd", 404), ("warehouse", "", 404), ("operator", "", 404),
        ("finance", "jnqf", 404), ("inspector", "", 302),
    ):  # fmt: skip
        client = desk.client(role, firm)
        answer = client.post(PAGE, {"act": "exhibit", "file": file(), "description": "x"})
        assert answer.status_code == status
    with scope.venue(1):
        assert not Exhibit.objects.exists()


def test_a_refused_file_is_named_and_what_was_typed_is_kept(desk: Desk) -> None:
    quarrel(desk)
    buyer = desk.client("finance", "lzrd")
    for content, code in ((b"<html>", "NOT_A_CERTIFICATE"), (b"", "FILE_SIZE")):
        answer = put(desk, buyer, content, "卸货现场")
        assert (answer.status_code, codes(answer)) == (422, [code])
        assert 'value="卸货现场"' in answer.content.decode()
    answer = act(desk, buyer, "exhibit", description=" ")
    assert (answer.status_code, codes(answer)) == (422, ["REQUIRED", "REQUIRED"])
    assert put(desk, buyer).status_code == 302
    answer = put(desk, buyer)
    assert (answer.status_code, codes(answer)) == (422, ["EVIDENCE_TWICE"])


def test_a_form_sent_twice_is_one_exhibit(desk: Desk) -> None:
    quarrel(desk)
    buyer = desk.client("finance", "lzrd")
    op_id = "5f0c4d6e-5f0c-4d6e-8f0c-5f0c4d6e5f0c"
    for content in (PDF, PDF + b"\n"):
        fields = {"act": "exhibit", "op_id": op_id, "file": file(content), "description": "x"}
        assert buyer.post(PAGE, fields).status_code == 302
    with scope.venue(1):
        assert Exhibit.objects.count() == 1


def test_the_archive_holds_the_bundle_and_the_files_that_it_names(desk: Desk) -> None:
    quarrel(desk)
    buyer, seller = desk.client("finance", "lzrd"), desk.client("finance", "rzyf")
    put(desk, buyer, picture(), "卸货现场")
    put(desk, seller)
    answer = buyer.get(ZIP)
    content = whole(answer)
    assert (answer["Content-Type"], int(answer["Content-Length"])) == (
        "application/zip", len(content),
    )  # fmt: skip
    assert answer["X-Content-SHA256"] == hashlib.sha256(content).hexdigest()
    assert answer["Content-Disposition"] == 'attachment; filename="QLDZ-C-000001-evidence.zip"'
    assert whole(buyer.get(ZIP)) == content, "the same bytes for the same state"
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        bundle = read.read("QLDZ-C-000001-evidence.json")
        assert bundle == buyer.get(f"{PAGE}evidence.json").content
        told = json.loads(bundle)["exhibits"]
        assert read.namelist()[1:] == [one["file"] for one in told]
        for one in told:
            assert hashlib.sha256(read.read(one["file"])).hexdigest() == one["sha256"]
    assert desk.client("clerk").get(ZIP).status_code == 200
    put(desk, seller, PDF + b"\n")
    assert whole(buyer.get(ZIP)) != content


def test_under_the_server_it_runs_with_the_archive_comes_chunk_by_chunk(desk: Desk) -> None:
    quarrel(desk)
    put(desk, desk.client("finance", "lzrd"))
    request: Any = RequestFactory().get(ZIP)
    request.venue = desk.venue
    desk.client("clerk")
    request.seat = Seat.objects.across_venues().get(role=Role.CLERK)
    with scope.venue(1):
        answer: Any = documents.evidence_zip(request, 1)

    async def gather() -> list[bytes]:
        return [chunk async for chunk in answer]

    chunks = async_to_sync(gather)()
    assert len(chunks) > 3
    assert sum(len(chunk) for chunk in chunks) == int(answer["Content-Length"])


def test_a_file_that_was_changed_on_disk_is_said_to_be_and_not_given_out(desk: Desk) -> None:
    quarrel(desk)
    buyer = desk.client("finance", "lzrd")
    put(desk, buyer)
    with scope.venue(1):
        (row,) = Exhibit.objects.order_by("pk")
    path = receipt_files._path("qldz", row.sha256)
    kept = path.read_bytes()
    for spoil, code in ((lambda: path.write_bytes(b"%PDF-other"), "FILE_DAMAGED"),
                        (path.unlink, "FILE_LOST")):  # fmt: skip
        spoil()
        for address in (f"{PAGE}exhibits/1/", ZIP):
            answer = buyer.get(address)
            assert answer.status_code == 500
            assert answer.content.decode().startswith(f"{code} ")
    path.write_bytes(kept)
    assert buyer.get(f"{PAGE}exhibits/1/").content == PDF
