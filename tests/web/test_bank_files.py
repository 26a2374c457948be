"""The clerk's desk for bank files: written, fetched, loaded whole or not at all."""

from __future__ import annotations

import html
import json
import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from exchange import scope
from exchange.models import Role
from settlement.models import BankFile, BankInstruction, BankSettings
from settlement.payments.bankfile.layout import raw_standard
from settlement.payments.bankfile.rail import BankfileRail
from settlement.payments.ports import OperationKind
from tests.settlement.payments.bank import KEY
from tests.settlement.payments.bench import Bench, Clock
from tests.settlement.payments.fakebank import FakeBank
from tests.web.desk import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db
PAGE = "/qldz/payments/files/"


def send(client: Client, **fields: Any) -> Any:
    return client.post(PAGE, {"op_id": str(uuid.uuid4())} | fields)


def upload(client: Client, kind: str, body: bytes) -> Any:
    return send(client, act="load", kind=kind, file=SimpleUploadedFile("x.txt", body))


def configured(desk: Desk, settings: Any) -> Client:
    """Have the operator say what files look like; return the clerk."""
    settings.BANKFILE_KEYS = {"qldz": KEY}
    operator = desk.client(Role.OPERATOR)
    done = send(operator, act="bank", payer_account="6222-1", layout=json.dumps(raw_standard()))
    assert done.status_code == 302
    return desk.client(Role.CLERK)


def test_a_file_is_written_once_fetched_again_and_answered(desk: Desk, settings: Any) -> None:
    clerk = configured(desk, settings)
    empty = send(clerk, act="write")
    assert empty.status_code == 302
    with scope.venue(desk.venue.id):
        bank = FakeBank(balance_fen=5_000)
        bench = Bench(BankfileRail(), Clock(), bank=bank)
        bench.rail.submit(bench.operation(OperationKind.PAY_OUT, 5_000))
    assert "1 笔待送银行" in clerk.get(PAGE).content.decode()
    send(clerk, act="write")
    with scope.venue(desk.venue.id):
        file = BankFile.objects.get()
    fetched = clerk.get(f"{PAGE}{file.pk}/")
    assert fetched.content == clerk.get(f"{PAGE}{file.pk}/").content == bytes(file.body)
    assert "qldz-instructions-000001.txt" in fetched["Content-Disposition"]
    replies = bank.reply(bank.take(fetched.content, bench.clock()))
    damaged = upload(clerk, "replies", replies.replace(b"5", b"6", 1))
    assert damaged.status_code == 422
    assert "FILE_REFUSED" in damaged.content.decode()
    assert upload(clerk, "replies", replies).status_code == 302
    assert (
        "此前已载入"
        in clerk.post(
            PAGE,
            {
                "op_id": str(uuid.uuid4()),
                "act": "load",
                "kind": "replies",
                "file": SimpleUploadedFile("x.txt", replies),
            },
            follow=True,
        ).content.decode()
    )
    assert upload(clerk, "statement", bank.state()).status_code == 302
    gap = upload(clerk, "statement", bank.state().replace(b"x", b"y"))
    assert gap.status_code == 302, "the next one goes on where it ended"
    with scope.venue(desk.venue.id):
        assert BankInstruction.objects.get().state == "done"
        assert BankFile.objects.count() == 4


def test_the_operator_says_what_files_look_like_and_nobody_else(desk: Desk, settings: Any) -> None:
    settings.BANKFILE_KEYS = {}
    operator, clerk = desk.client(Role.OPERATOR), desk.client(Role.CLERK)
    assert "BANKFILE_KEYS" in clerk.get(PAGE).content.decode()
    good = json.dumps(raw_standard())
    for layout, said in (
        (json.dumps(raw_standard() | {"encoding": "latin"}), "VALUE · encoding"),
        ("[1]", "TYPE · layout"),
        ("{", "INVALID"),
    ):
        answer = send(operator, act="bank", payer_account="1", layout=layout)
        assert (answer.status_code, said in answer.content.decode()) == (422, True), said
    assert send(clerk, act="bank", payer_account="1", layout=good).status_code == 404
    assert send(operator, act="write").status_code == 404
    assert send(clerk, act="nothing").status_code == 404
    # What the page shows can be sent as it is.
    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", operator.get(PAGE).content.decode(), re.S)
    assert shown is not None
    as_is = html.unescape(shown.group(1)).strip()
    assert send(operator, act="bank", payer_account="6222-1", layout=as_is).status_code == 302
    with scope.venue(desk.venue.id):
        assert BankSettings.objects.get().payer_account == "6222-1"
    said = clerk.post(PAGE, {"op_id": str(uuid.uuid4()), "act": "write"}, follow=True)
    assert "没有文件密钥" in said.content.decode()


def test_a_file_of_the_bank_is_not_served(desk: Desk, settings: Any) -> None:
    clerk = configured(desk, settings)
    assert upload(clerk, "statement", FakeBank().state()).status_code == 302
    with scope.venue(desk.venue.id):
        file = BankFile.objects.get()
    assert clerk.get(f"{PAGE}{file.pk}/").status_code == 404
    assert clerk.get(f"/jdsc/payments/files/{file.pk}/").status_code == 404
