"""Fixtures of all tests: one real broker a session, and a topic prefix a test so that tests can share it."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # While it is imported, kafka-python 3.0 calls functions that Python 3.11 and 3.12 deprecate.
    warnings.filterwarnings("ignore", message="(read|open)_text is deprecated", category=DeprecationWarning)
    import kafka  # noqa: F401

from deploy.local.broker import LocalBroker
from streams.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the broker, so that ``-m "not broker"`` runs the rest."""
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A running broker for the whole session. Do not stop or kill it: tests that do start one of their own."""
    with LocalBroker(tmp_path_factory.mktemp("broker"), short_lived=True, start_timeout_s=240) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(broker: LocalBroker, prefix: str, tmp_path: Path) -> Settings:
    """Settings of a pipeline of this test alone: its prefix, four partitions, files below ``tmp_path``."""
    return Settings(
        bootstrap_servers=broker.bootstrap_servers,
        topic_prefix=prefix,
        partitions=4,
        state_dir=tmp_path / "state",
        duckdb_path=tmp_path / "cuepoint.duckdb",
        snapshot_dir=tmp_path / "snapshots",
    )
