"""The retailer of most fault tests, and a bound on each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.retailer import Retailer, make_retailer

TIMEOUT_S = 1_200
"""A machine on which much else runs takes ten times as long to start a worker or a broker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The bound of every test here."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Retailer:
    """About 1,700 records; core and oracle agree on what becomes of them."""
    return make_retailer(tmp_path_factory.mktemp("retailer"))
