"""The retailer of most fault tests."""

from __future__ import annotations

import pytest

from tests.faults.retailer import Retailer, make_retailer


@pytest.fixture(scope="session")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Retailer:
    """About 1,700 records; core and oracle agree on what becomes of them."""
    return make_retailer(tmp_path_factory.mktemp("retailer"))
