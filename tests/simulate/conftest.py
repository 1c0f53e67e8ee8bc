"""One simulated retailer that all tests of the simulator look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.simulate import simulate_retailer
from tests.simulate.kit import Written


@pytest.fixture(scope="session")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """500 customers over 300 days: large enough that everything occurs."""
    directory: Path = tmp_path_factory.mktemp("retailer")
    simulate_retailer(directory, customers=500, days=300, seed=11)
    return Written(directory)
