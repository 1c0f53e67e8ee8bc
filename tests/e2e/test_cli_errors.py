"""What goes wrong on the command line: one sentence, a non-zero exit, no traceback."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.broker import LocalBroker
from deploy.local.ports import free_ports
from streams.errors import EXIT_TRY_AGAIN
from streams.replay.control import begin_replay
from streams.settings import Settings
from streams.topics_admin import delete_topics, ensure_topics
from tests.e2e import kit
from tests.oracle.builders import History, t

EVERY_COMMAND = (
    ("topics", "plan"),
    ("up",),
    ("worker", "intake"),
    ("replay", "{history}"),
    ("go-live",),
    ("campaigns", "publish", "campaigns"),
    ("quarantine", "list"),
    ("quarantine", "continue", "orders"),
)
"""Commands that need a broker; all but the first need topics too."""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A replay directory with one order."""
    past = History()
    past.order(t("2025-03-03T10:00"), {"mug": 1})
    return kit.write_lines(tmp_path / "history", {"orders": past.sources["orders"]})


@pytest.fixture
def topics(settings: Settings) -> Iterator[Settings]:
    """Settings of a prefix whose topics exist."""
    ensure_topics(settings)
    yield settings
    delete_topics(settings, prefix=settings.topic_prefix)


def sentence(settings: Settings, *arguments: object, code: int = 2, **environ: str) -> str:
    """The one sentence with which a command fails; of a worker, the message of its last log line."""
    done = kit.command(settings, *arguments, environ=environ)
    said: str = done.stderr.strip()
    assert done.returncode == code, f"exit code {done.returncode}: {said}"
    assert "Traceback" not in done.stdout + done.stderr
    if said.startswith("{"):
        line: dict[str, Any] = json.loads(said.splitlines()[-1])
        assert line["level"] == "ERROR"
        return str(line["message"])
    assert len(said.splitlines()) == 1, said
    assert said.startswith("cuepoint: ")
    return said


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_no_broker(arguments: tuple[str, ...], tmp_path: Path, history: Path) -> None:
    (port,) = free_ports(1)
    settings = Settings(bootstrap_servers=f"127.0.0.1:{port}", state_dir=tmp_path)
    said = sentence(settings, *(argument.format(history=history) for argument in arguments), code=EXIT_TRY_AGAIN)
    assert f"127.0.0.1:{port} refuses connections" in said
    assert "cuepoint broker start" in said


@pytest.mark.parametrize(
    ("address", "code"), [("nonsense", 2), ("localhost:0", 2), ("no-such-host.invalid:9092", EXIT_TRY_AGAIN)]
)
def test_a_wrong_address(address: str, code: int, tmp_path: Path) -> None:
    said = sentence(Settings(bootstrap_servers=address, state_dir=tmp_path), "quarantine", "list", code=code)
    assert address in said
    assert "CUEPOINT_BOOTSTRAP_SERVERS" in said


@pytest.mark.parametrize("arguments", EVERY_COMMAND[1:], ids=" ".join)
def test_missing_topics(arguments: tuple[str, ...], settings: Settings, history: Path) -> None:
    said = sentence(settings, *(argument.format(history=history) for argument in arguments))
    assert settings.topic_prefix in said
    assert "cuepoint topics apply" in said


def test_topics_that_came_with_a_later_release(topics: Settings) -> None:
    """Of a pipeline that an earlier release made: who needs one names it, and starts once it is there."""
    delete_topics(topics, prefix=topics.topic_prefix, only=["identity-audit", "customer-profile"])
    needed = {
        "identity-audit": [("worker", "identity"), ("sink", "--drain")],
        "customer-profile": [("worker", "decide")],
    }
    for topic, commands in needed.items():
        for arguments in commands:
            said = sentence(topics, *arguments)
            assert topics.topic(topic) in said
            assert "cuepoint topics apply" in said
    made = kit.succeed(topics, "topics", "apply")
    assert all(topics.topic(topic) in made for topic in needed)
    kit.succeed(topics, "sink", "--drain")


@pytest.mark.parametrize("arguments", EVERY_COMMAND[1:4], ids=" ".join)
def test_wrong_partition_counts(arguments: tuple[str, ...], topics: Settings, history: Path) -> None:
    wrong = topics.model_copy(update={"partitions": kit.PARTITIONS + 1})
    said = sentence(wrong, *(argument.format(history=history) for argument in arguments))
    assert f"{kit.PARTITIONS}" in said
    assert "CUEPOINT_PARTITIONS" in said


def test_a_port_in_use(topics: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = sentence(topics, "worker", "intake", CUEPOINT_WEB_PORT=str(port))
        assert f"127.0.0.1:{port} cannot be listened on" in said
        said = sentence(topics, "broker", "start", "--port", port, "--directory", topics.state_dir / "broker")
        assert str(port) in said


def test_a_directory_without_files(topics: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no replay file (nothing)" in sentence(topics, "replay", tmp_path / "empty")
    assert "is not a directory" in sentence(topics, "replay", tmp_path / "nowhere")


def test_a_second_replay(topics: Settings, history: Path) -> None:
    begin_replay(topics, frozenset({"acme"}), hand_over=False)
    said = sentence(topics, "replay", history)
    assert "mode 'replay' already" in said
    assert "CUEPOINT_TOPIC_PREFIX" in said
    assert "is not finished" in sentence(topics, "go-live")


def test_no_java(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = Settings(bootstrap_servers=f"127.0.0.1:{port}", state_dir=tmp_path)
    said = sentence(settings, "broker", "start", PATH=str(tmp_path), JAVA_HOME="")
    assert "Java" in said


def test_quarantine_without_a_match(topics: Settings, broker: LocalBroker, tmp_path: Path) -> None:
    assert "No record in quarantine" in sentence(topics, "quarantine", "show", "orders-0-1")
    assert "matches topic orders" in sentence(topics, "quarantine", "replay", "--topic", "orders")
    missing = tmp_path / "missing.json"
    said = sentence(topics, "quarantine", "replay", "--key", "orders-0-1", "--with", missing)
    assert f"{missing} cannot be read" in said
    assert "Nothing in quarantine" in kit.succeed(topics, "quarantine", "list")
