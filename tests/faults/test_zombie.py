"""A worker that is stopped for longer than its session, and goes on when another one has its partitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import EXIT_TRY_AGAIN
from streams.settings import Settings
from tests.faults.broker_zombie import zombie


@pytest.mark.parametrize(("point", "same_name"), [("before_commit", False), ("after_commit", True)])
def test_a_zombie_is_fenced_and_writes_nothing(settings: Settings, tmp_path: Path, point: str, same_name: bool) -> None:
    figures = zombie(settings.bootstrap_servers, settings.topic_prefix, tmp_path, point, same_name=same_name)
    print(f"\n{figures}")
    assert figures.written_after_take_over == 0
    assert figures.counted.clean
    assert figures.open_records or point != "before_commit"
    assert figures.ended_with in (None, EXIT_TRY_AGAIN), figures.last_words
