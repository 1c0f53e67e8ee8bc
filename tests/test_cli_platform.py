"""The commands ``broker`` and ``topics``, run against real brokers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click import Group
from click.testing import CliRunner, Result

from deploy.local import container, ports
from deploy.local.broker import LocalBroker
from schemas.topics import TOPICS
from streams.cli_platform import broker as broker_group
from streams.cli_platform import topics as topics_group
from streams.errors import BrokerError, PlatformError
from streams.settings import Settings
from streams.topics_admin import ensure_topics

ALONE = "import sys; from streams.cli_platform import broker; broker(sys.argv[1:])"


def run(group: Group, settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(group, arguments, obj=settings)


def test_start_leaves_a_broker_running_that_another_process_finds_and_stops(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    environment = {
        **os.environ,
        "CUEPOINT_BOOTSTRAP_SERVERS": f"localhost:{port}",
        "CUEPOINT_STATE_DIR": str(tmp_path / "state"),
    }

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", ALONE, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert not done.stderr
        return done.stdout

    local = LocalBroker(tmp_path / "state" / "broker")
    try:
        assert f"runs at 127.0.0.1:{port} (process" in command("start", "--heap-mb", "256")
        assert local.pid
        assert f"runs at 127.0.0.1:{port} (process {local.pid}" in command("status")
        assert f"It already runs: Kafka 4.4.0 runs at 127.0.0.1:{port}" in command("start")
        assert command("stop") == "The broker has stopped.\n"
        assert local.pid is None
        assert command("stop") == "No broker was running.\n"
    finally:
        local.stop()


def test_a_port_that_the_other_commands_do_not_know_is_told(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    settings = Settings(bootstrap_servers="kafka.example:9092", state_dir=tmp_path)
    try:
        output = run(broker_group, settings, "start", "--port", str(port)).output
        assert f"export CUEPOINT_BOOTSTRAP_SERVERS=127.0.0.1:{port}" in output
    finally:
        assert run(broker_group, settings, "stop").output == "The broker has stopped.\n"


def test_status_without_a_broker_is_an_error(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    settings = Settings(bootstrap_servers=f"127.0.0.1:{port}", state_dir=tmp_path)
    assert isinstance(run(broker_group, settings, "status").exception, BrokerError)


def test_status_tells_a_broker_of_somebody_else(settings: Settings) -> None:
    output = run(broker_group, settings, "status").output
    assert output == f"At {settings.bootstrap_servers} answers a broker that was not started from here.\n"


def test_start_on_a_taken_port_is_an_error_and_says_how_to_take_another(tmp_path: Path) -> None:
    with socket.create_server((ports.LOCALHOST, 0)) as taken:
        settings = Settings(bootstrap_servers=f"127.0.0.1:{taken.getsockname()[1]}", state_dir=tmp_path)
        error = run(broker_group, settings, "start").exception
    assert isinstance(error, PlatformError)
    assert "cuepoint broker start --port" in str(error)


def test_start_without_java_and_docker_names_all_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert not container.engine_answers()
    error = run(broker_group, Settings(state_dir=tmp_path), "start").exception
    assert isinstance(error, PlatformError)
    for way in ("install a Java runtime", "start a Docker engine", "CUEPOINT_BOOTSTRAP_SERVERS"):
        assert way in str(error)


def test_plan_and_apply_create_what_is_missing_and_change_nothing_else(settings: Settings) -> None:
    ensure_topics(settings, ["orders"])
    plan = run(topics_group, settings, "plan").output.splitlines()
    assert len(plan) == len(TOPICS) - 1
    assert f"create  {settings.topic('returns')} with 4 partitions" in plan
    apply = run(topics_group, settings, "apply")
    assert apply.exit_code == 0
    assert apply.output.count("created ") == len(TOPICS) - 1
    assert (
        run(topics_group, settings, "apply").output
        == f"All {len(TOPICS)} topics are on {settings.bootstrap_servers}.\n"
    )
    assert "are as the catalogue says" in run(topics_group, settings, "plan").output


def test_apply_names_wrong_partition_counts_and_fails(settings: Settings) -> None:
    ensure_topics(settings)
    other = settings.model_copy(update={"partitions": 6})
    assert (
        f"differs topic {settings.topic('orders')} has partitions 4, expected 6"
        in run(topics_group, other, "plan").output
    )
    apply = run(topics_group, other, "apply")
    assert f"left as it is: topic {settings.topic('orders')} has partitions 4, expected 6" in apply.output
    assert isinstance(apply.exception, BrokerError)
