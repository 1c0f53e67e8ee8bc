"""A sink's file of one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.duckdb_writer import DuckDBWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the sink's file of this test is."""
    return tmp_path / "sink" / "cuepoint.duckdb"


@pytest.fixture
def writer(path: Path) -> Iterator[DuckDBWriter]:
    """An open sink."""
    writer = DuckDBWriter(path, "p")
    yield writer
    writer.close()
