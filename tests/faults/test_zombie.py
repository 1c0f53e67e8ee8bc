"""A worker that is stopped for longer than its session, and goes on when another one has its partitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.settings import Settings
from tests.faults.broker_zombie import zombie


@pytest.mark.parametrize("point", ["after_commit", "before_commit"])
def test_a_zombie_is_fenced_and_writes_nothing(settings: Settings, tmp_path: Path, point: str) -> None:
    figures = zombie(settings.bootstrap_servers, settings.topic_prefix, tmp_path, point)
    print(f"\n{figures}")
    assert figures.written_after_take_over == 0
    assert figures.counted.clean
