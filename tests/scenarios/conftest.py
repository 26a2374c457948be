"""`--update-scenarios` rewrites what the market said; the diff is reviewed like code."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-scenarios", action="store_true", help="rewrite the golden files")
