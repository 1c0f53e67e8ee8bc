"""The commands ``broker`` and ``topics``, run against real brokers."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click import Group
from click.testing import CliRunner, Result
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.local import container, ports
from deploy.local.broker import LocalBroker
from schemas.access import USERS
from schemas.topics import TOPICS
from streams.cli_platform import broker as broker_group
from streams.cli_platform import topics as topics_group
from streams.errors import BrokerError, PlatformError
from streams.settings import Settings
from streams.topics_admin import connect, differences, ensure_topics

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


def test_plan_and_apply_create_what_is_missing(settings: Settings) -> None:
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
        f"leave   {settings.topic('orders')} partitions 4 to 6: customers would move"
        in run(topics_group, other, "plan").output
    )
    apply = run(topics_group, other, "apply")
    assert f"leave   {settings.topic('orders')} partitions 4 to 6: customers would move" in apply.output
    assert isinstance(apply.exception, BrokerError)


def test_apply_changes_what_is_safe_and_leaves_the_rest_with_a_reason(settings: Settings) -> None:
    ensure_topics(settings, ["orders", "control"])
    name = settings.topic("orders")
    with connect(settings) as admin:
        shorter = {"retention.ms": "1000", "segment.ms": "7200000", "max.message.bytes": "8000000"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, shorter)])
    planned = [line for line in run(topics_group, settings, "plan").output.splitlines() if name in line]
    assert [line.split(":")[0] for line in planned] == [
        f"change  {name} retention.ms 1000 to 3024000000",
        f"change  {name} segment.ms 7200000 to 86400000",
        f"leave   {name} max.message.bytes 8000000 to 4194304",
    ]
    apply = run(topics_group, settings, "apply")
    assert f"changed {name} retention.ms 1000 to 3024000000" in apply.output
    assert [(found.field, found.found) for found in differences(settings)] == [("max.message.bytes", "8000000")]
    left = run(topics_group, settings, "plan").output
    assert (
        left == f"leave   {name} max.message.bytes 8000000 to 4194304: less would refuse records that are allowed now\n"
    )
    assert "changed" not in run(topics_group, settings, "apply").output


def test_a_broker_without_an_authorizer_is_said_to_let_everybody_in(settings: Settings) -> None:
    error = run(topics_group, settings, "plan", "--access").exception
    assert isinstance(error, BrokerError)
    assert "everybody may do everything" in str(error)


def test_strimzi_resources_hold_every_topic_and_the_rights_of_every_user() -> None:
    settings = Settings(topic_prefix="Shop_1", replication=3)
    made = list(yaml.safe_load_all(run(topics_group, settings, "plan", "--strimzi", "events").output))
    assert {one["metadata"]["labels"]["strimzi.io/cluster"] for one in made} == {"events"}
    assert all(re.fullmatch("[a-z0-9]([-a-z0-9.]*[a-z0-9])?", one["metadata"]["name"]) for one in made)
    topics = {one["spec"]["topicName"]: one["spec"] for one in made if one["kind"] == "KafkaTopic"}
    assert set(topics) == {settings.topic(name) for name in TOPICS}
    assert topics["Shop_1.orders"]["replicas"] == 3
    assert topics["Shop_1.orders"]["config"]["min.insync.replicas"] == "2"
    users = {
        one["metadata"]["name"]: one["spec"]["authorization"]["acls"] for one in made if one["kind"] == "KafkaUser"
    }
    assert len(users) == len(USERS)
    assert [acl for acl in users["shop-1-email-service"] if acl["resource"]["type"] != "topic"] == [
        {
            "resource": {"type": "group", "name": "Shop_1-channel-email", "patternType": "literal"},
            "operations": ["Read", "Describe"],
            "host": "*",
        }
    ]
