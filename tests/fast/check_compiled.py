"""Only in `make test-fast`: what the other tests ran against was compiled."""

from __future__ import annotations

import importlib

from tests.fast.build import HOT


def test_the_hot_files_are_machine_code() -> None:
    for name in HOT:
        assert importlib.import_module(f"matching.{name}").__file__.endswith(".so"), name
