"""A small pipeline of one test."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from streams.settings import Settings
from tests.e2e import kit


@pytest.fixture
def settings(broker: LocalBroker, prefix: str, tmp_path: Path) -> Settings:
    """Two partitions, a prefix and files of this test alone."""
    return kit.small_settings(broker, prefix, tmp_path)
