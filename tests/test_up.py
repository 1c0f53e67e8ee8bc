"""The fleet of processes: what dies is started again, what cannot go on stops all with its own sentence."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from streams.errors import EXIT_TRY_AGAIN, CuepointError
from streams.settings import Settings
from streams.up import Fleet, last_words


def settings(tmp_path: Path, servers: str = "127.0.0.1:1") -> Settings:
    return Settings(bootstrap_servers=servers, state_dir=tmp_path)


def test_a_process_that_a_user_has_to_help_stops_the_fleet_with_its_sentence(tmp_path: Path) -> None:
    with Fleet(settings(tmp_path, "nowhere"), {"decide": ["worker", "decide"]}) as fleet:
        process = fleet.children[0].process
        assert process is not None
        process.wait(timeout=60)
        with pytest.raises(CuepointError) as error:
            fleet.watch()
    assert "decide ended with exit code 2" in str(error.value)
    assert "'nowhere' is not host:port" in str(error.value)


def test_a_process_without_a_broker_is_started_again_until_there_is_one(tmp_path: Path) -> None:
    said: list[str] = []
    with Fleet(settings(tmp_path), {"decide": ["worker", "decide"]}, said.append) as fleet:
        child = fleet.children[0]
        for _ in range(2):
            process = child.process
            assert process is not None
            assert process.wait(timeout=60) == EXIT_TRY_AGAIN
            while child.process is process:
                fleet.watch()
                time.sleep(0.05)
    assert len(said) == 1
    assert "decide is started again until it can go on: No Kafka broker: 127.0.0.1:1" in said[0]


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
    library, cause = '{"level": "ERROR", "message": "a warning"}', '{"level": "ERROR", "message": "why", "error": "X"}'
    log.write_text(f'{library}\n{{"level": "INFO", "message": "partition ready"}}\n')
    assert last_words(log) == "a warning"
    log.write_text(f"{cause}\n{library}\n")
    assert last_words(log) == "why"
    assert last_words(tmp_path / "none.log") == "it said nothing"
