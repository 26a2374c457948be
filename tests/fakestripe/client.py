"""An HTTP client for the SDK that calls the double in the same process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import stripe

from tests.fakestripe.double import Double, Lost


class InProcess(stripe.HTTPClient):
    """Answers as the double does; a lost answer is a connection error, as on a wire."""

    name = "in-process"

    def __init__(self, double: Double) -> None:
        super().__init__()
        self.double = double
        self.calls: list[str] = []

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        self.calls.append(f"{method.upper()} {url}")
        try:
            status, answer = self.double.handle(
                method.upper(), url, dict(headers or {}), post_data or ""
            )
        except Lost as error:
            raise stripe.APIConnectionError("no answer", should_retry=True) from error
        return json.dumps(answer), status, {"Request-Id": "req_double"}

    def close(self) -> None:
        """Nothing to close."""
