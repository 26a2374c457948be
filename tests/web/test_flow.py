"""Who takes a long answer slowly does not fill the server's memory with it."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.long_answer import CHUNK, CHUNKS
from tests.web.test_serve import free_port

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def port() -> Iterator[int]:
    number = free_port()
    served = subprocess.Popen(
        [
            sys.executable, "-m", "web.consumers.server", "-p", str(number),
            "tests.web.long_answer:application",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert served.stdout is not None
    lines = []
    for line in served.stdout:
        lines.append(line)
        if "Listening on TCP" in line:
            break
    else:
        raise AssertionError("".join(lines))
    yield number
    served.terminate()
    served.stdout.read()
    served.wait(20)
    served.stdout.close()


def made(port: int) -> int:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    asked.request("GET", "/made")
    said = int(asked.getresponse().read())
    asked.close()
    return said


def test_an_answer_is_made_as_fast_as_it_is_taken_and_comes_whole(port: int) -> None:
    slow = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    slow.request("GET", "/long")
    answer = slow.getresponse()  # its head; the body stays where it is
    assert 0 < made(port) < CHUNKS // 2, "what nobody takes is not made"
    body = answer.read()
    assert (len(body), set(body)) == (CHUNKS * len(CHUNK), {CHUNK[0]})
    assert made(port) == CHUNKS
    slow.request("GET", "/made")
    assert slow.getresponse().read() == str(CHUNKS).encode(), "the connection serves on"
    slow.close()
