"""The fleet of processes: what dies is started again, what cannot go on stops all with its own sentence."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from streams.errors import CuepointError
from streams.settings import Settings
from streams.up import Fleet, last_words


def settings(tmp_path: Path, servers: str = "127.0.0.1:1") -> Settings:
    return Settings(bootstrap_servers=servers, state_dir=tmp_path)


def test_a_process_that_a_user_has_to_help_stops_the_fleet_with_its_sentence(tmp_path: Path) -> None:
    with Fleet(settings(tmp_path), {"decide": ["worker", "decide"]}) as fleet:
        process = fleet.children[0].process
        assert process is not None
        process.wait(timeout=60)
        with pytest.raises(CuepointError) as error:
            fleet.watch()
    assert "decide ended with exit code 2" in str(error.value)
    assert "No Kafka broker: 127.0.0.1:1" in str(error.value)


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    with Fleet(settings(tmp_path), {"waits": ["hash", "--help"]}, said.append) as fleet:
        child = fleet.children[0]
        assert child.process is not None
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait()
        fleet.watch()
        assert len(child.started) == 2
    assert "waits died with exit code -9" in said[0]


def test_last_words_are_those_of_the_last_error(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text('{"level": "ERROR", "message": "the cause"}\n{"level": "INFO", "message": "partition ready"}\n')
    assert last_words(log) == "the cause"
    assert last_words(tmp_path / "none.log") == "it said nothing"
