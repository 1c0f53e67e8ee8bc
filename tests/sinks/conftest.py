"""A sink's file of one test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.duckdb_writer import DuckDBWriter


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty sink's file: making its tables and views takes longer than copying it."""
    path = tmp_path_factory.mktemp("template") / "cuepoint.duckdb"
    DuckDBWriter(path, "p").close()
    return path


@pytest.fixture
def path(tmp_path: Path, empty_file: Path) -> Path:
    """The sink's file of this test, of the topics ``p.*``."""
    path = tmp_path / "cuepoint.duckdb"
    shutil.copy(empty_file, path)
    return path


@pytest.fixture
def writer(path: Path) -> Iterator[DuckDBWriter]:
    """An open sink."""
    writer = DuckDBWriter(path, "p")
    yield writer
    writer.close()
