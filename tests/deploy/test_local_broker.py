"""The local broker, by starting it: life cycle, faults, and the sentence of each failure a user can cause."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from kafka import KafkaConsumer, KafkaProducer

from deploy.local import jars, ports, process
from deploy.local.broker import LocalBroker
from deploy.local.config import BROKER_SETTINGS, KAFKA_VERSION
from streams.admin_client import connect
from streams.errors import PlatformError

JAVA_8 = "#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n"


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path_factory.mktemp("own"), short_lived=True) as running:
        yield running


def produce(address: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=address)
    producer.send(topic, value=value).get(timeout=30)
    producer.close()


def consume(address: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest", group_id=None, consumer_timeout_ms=20_000
    )
    values = [record.value for _, record in zip(range(count), consumer, strict=False)]
    consumer.close()
    return values


def test_records_and_address_survive_a_kill_and_a_restart(own_broker: LocalBroker) -> None:
    address, first_pid = own_broker.bootstrap_servers, own_broker.pid
    with connect(address) as admin:
        admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    produce(address, "kept", b"one")
    own_broker.kill()
    assert own_broker.pid is None
    own_broker.start()
    produce(address, "kept", b"two")
    own_broker.restart()
    assert own_broker.bootstrap_servers == address
    assert own_broker.pid not in (None, first_pid)
    assert consume(address, "kept", 2) == [b"one", b"two"]


def test_topics_are_not_created_by_using_them(own_broker: LocalBroker) -> None:
    with connect(own_broker.bootstrap_servers) as admin:
        admin.describe_topics(["never-created"])
        assert "never-created" not in admin.list_topics()


def test_a_second_start_in_the_same_directory_is_refused(own_broker: LocalBroker) -> None:
    with pytest.raises(PlatformError, match=rf"already runs in .* \(process {own_broker.pid}\); stop it first"):
        LocalBroker(own_broker.directory).start()


def test_another_object_finds_the_running_broker_by_its_directory(own_broker: LocalBroker) -> None:
    other = LocalBroker(own_broker.directory)
    assert (other.pid, other.bootstrap_servers) == (own_broker.pid, own_broker.bootstrap_servers)


def test_a_broker_in_a_directory_of_a_similar_name_is_not_ours(own_broker: LocalBroker) -> None:
    other = LocalBroker(own_broker.directory.with_name(own_broker.directory.name[:-1]))
    other.directory.mkdir(exist_ok=True)
    other.pid_file.write_text(own_broker.pid_file.read_text())
    assert other.pid is None
    with pytest.raises(PlatformError, match="is stale"):
        other.stop()
    assert own_broker.pid


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((ports.LOCALHOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlatformError, match=rf"Port {port} of 127\.0\.0\.1 is in use by another .* --port"):
            LocalBroker(tmp_path, port).start()


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert all(ports.FIRST_PORT <= port < 32_768 for port in found)


def test_a_start_that_takes_too_long_names_the_log_and_leaves_nothing_running(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, start_timeout_s=0.2)
    with pytest.raises(PlatformError, match=r"did not answer on port \d+ within 0 s .* its log is .*broker\.log"):
        broker.start()
    assert broker.pid is None
    assert ports.is_free(broker.port)
    assert not broker.pid_file.exists()


def test_a_broker_that_ends_while_starting_says_why(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path, settings={"log.flush.interval.messages": "0"})
    with pytest.raises(PlatformError, match=r"log\.flush\.interval\.messages"):
        broker.start()
    assert broker.pid is None


def test_a_pid_file_of_another_program_is_stale_and_nothing_is_signalled(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path)
    broker.pid_file.write_text(json.dumps({"pid": os.getpid(), "port": 9092}))
    assert broker.pid is None
    with pytest.raises(PlatformError, match=rf"stale: process {os.getpid()} is another program .* Remove"):
        broker.stop()


def test_a_pid_file_of_a_dead_process_is_cleaned_up(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    broker = LocalBroker(tmp_path)
    broker.pid_file.write_text(json.dumps({"pid": dead.pid, "port": 9092}))
    assert broker.stop() is False
    assert not broker.pid_file.exists()


def test_a_damaged_pid_file_is_named(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path)
    broker.pid_file.write_text("{")
    with pytest.raises(PlatformError, match=r"broker\.pid cannot be read .*; remove it"):
        broker.stop()


def test_a_process_in_its_first_moment_is_alive(tmp_path: Path) -> None:
    pid = process.spawn(["sleep", "60"], tmp_path / "out", dict(os.environ))
    assert process.runs(pid, "sleep 60")
    assert process.end(pid, "sleep 60", process.signal.SIGKILL, 5.0)
    assert process.command_line(pid) is None


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match=r"directory .*/file/broker cannot be written .* name another one"):
        LocalBroker(tmp_path / "file" / "broker").start()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"disk of .* has \d+ MB free and a broker needs 1000000000 MB"):
        LocalBroker(tmp_path, disk_free_mb_min=10**9).start()


def test_no_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(PlatformError, match=r"needs Java, and none is on PATH .* install a Java runtime of version 17"):
        LocalBroker(tmp_path).start()


def test_an_old_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "java").write_text(JAVA_8)
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(PlatformError, match=r"/java is Java 1\.8\.0_392, too old for Kafka .* 17 or newer"):
        jars.java_executable()


def test_java_home_goes_before_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = Path(jars.java_executable()).resolve()
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    assert jars.java_executable() == str(java)


def test_no_maven_is_named_when_the_jars_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match=r"needs Maven, which is not on PATH; install it"):
        jars.kafka_jars(tmp_path / "home")


def test_a_failure_of_maven_is_told_with_its_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAVEN_OPTS", "-Xmx1k")
    with pytest.raises(PlatformError, match=r"could not fetch Kafka's jars \(exit 1: .+\)\. The whole output is in"):
        jars.kafka_jars(tmp_path / "home")
    assert (tmp_path / "maven.log").read_text()
    assert not list(tmp_path.glob("home.*/"))


def test_two_processes_may_fetch_the_jars_at_once(tmp_path: Path) -> None:
    home = tmp_path / "cache" / "kafka"
    command = [sys.executable, "-c", "from deploy.local.jars import kafka_jars; print(kafka_jars())"]
    environment = {**os.environ, "CUEPOINT_KAFKA_HOME": str(home)}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(child.communicate(timeout=240)[0].strip(), child.returncode) for child in both] == [(str(home), 0)] * 2
    assert sorted(path.name for path in home.iterdir()) == sorted(jars.expected_hashes())
    assert sorted(path.name for path in home.parent.iterdir()) == ["kafka", "kafka.lock", "maven.log"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda jar: jar.write_bytes(b"other"), r"has a SHA-256 other than the one in"),
        (lambda jar: jar.unlink(), "is missing"),
        (lambda jar: jar.with_name("extra.jar").touch(), r"extra\.jar is not expected"),
    ],
)
def test_jars_other_than_the_expected_are_refused(
    tmp_path: Path, damage: Callable[[Path], object], problem: str
) -> None:
    home = tmp_path / "home"
    shutil.copytree(jars.kafka_jars(), home)
    damage(home / f"kafka_2.13-{KAFKA_VERSION}.jar")
    with pytest.raises(PlatformError, match=rf"not the ones expected: .*{problem}.*\. Remove .*/home and start"):
        jars.kafka_jars(home)


def test_a_cache_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match=r"cache directory .*/file cannot be written .* CUEPOINT_KAFKA_HOME"):
        jars.kafka_jars(tmp_path / "file" / "kafka")


def test_the_container_has_the_settings_of_the_process() -> None:
    compose = yaml.safe_load((jars.HERE / "compose.yaml").read_text())
    kafka = compose["services"]["kafka"]
    assert kafka["image"] == f"apache/kafka:{KAFKA_VERSION}"
    given = {name: str(value) for name, value in kafka["environment"].items()}
    expected = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in BROKER_SETTINGS.items()}
    assert expected.items() <= given.items()


def test_the_pom_names_the_version_and_no_repository() -> None:
    pom = (jars.HERE / "pom.xml").read_text()
    assert f"<version>{KAFKA_VERSION}</version>" in pom
    assert "repositor" not in pom.split("-->", 1)[1]
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in jars.expected_hashes()
