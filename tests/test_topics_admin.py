"""Topics on a real broker, and the one sentence for each way in which a broker is not there."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import MessageSizeTooLargeError

from deploy.local import ports
from deploy.local.broker import LocalBroker
from schemas.topics import RECORD_BYTES_MAX_INTERNAL, TOPICS
from streams.errors import BrokerError, PlatformError
from streams.settings import Settings
from streams.topics_admin import (
    check_topics,
    connect,
    delete_topics,
    describe,
    differences,
    ensure_topics,
)

pytestmark = pytest.mark.timeout(120)


def test_all_topics_are_created_once_with_the_shape_of_the_catalogue(settings: Settings) -> None:
    assert ensure_topics(settings) == [settings.topic(name) for name in TOPICS]
    assert ensure_topics(settings) == []
    assert differences(settings) == []
    check_topics(settings)
    states = describe(settings)
    orders, changelog = states[settings.topic("orders")], states[settings.topic("decide-changelog")]
    assert (orders.partitions, orders.replication) == (4, 1)
    assert orders.configs == {
        "cleanup.policy": "delete",
        "retention.ms": str(35 * 86_400_000),
        "segment.ms": str(86_400_000),
        "max.message.bytes": str(TOPICS["orders"].record_bytes_max),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "1",
    }
    assert changelog.configs["cleanup.policy"] == "compact"
    assert changelog.configs["max.message.bytes"] == str(RECORD_BYTES_MAX_INTERNAL)
    assert states.keys() == {settings.topic(name) for name in TOPICS}


def test_only_the_named_topics_are_created(settings: Settings) -> None:
    assert ensure_topics(settings, ["orders"]) == [settings.topic("orders")]
    check_topics(settings, ["orders"])
    with pytest.raises(
        BrokerError, match=rf"topic {settings.topic('returns')} is missing\. Create .*cuepoint topics apply"
    ):
        check_topics(settings, ["orders", "returns"])


def test_many_missing_topics_make_one_sentence(settings: Settings) -> None:
    with pytest.raises(BrokerError, match=rf"is missing; and {len(TOPICS) - 5} more\. Create"):
        check_topics(settings)


def test_a_wrong_number_of_partitions_is_named_with_found_and_expected(settings: Settings) -> None:
    ensure_topics(settings, ["orders"])
    other = settings.model_copy(update={"partitions": 6})
    with pytest.raises(BrokerError, match=r"orders has partitions 4, expected 6\. Set CUEPOINT_PARTITIONS"):
        check_topics(other, ["orders"])


def test_a_changed_setting_of_a_topic_is_a_difference_but_stops_nobody(settings: Settings) -> None:
    ensure_topics(settings, ["orders"])
    with connect(settings.bootstrap_servers) as admin:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, settings.topic("orders"), {"retention.ms": "1000"})]
        )
    assert [str(found) for found in differences(settings, ["orders"])] == [
        f"topic {settings.topic('orders')} has retention.ms 1000, expected 3024000000"
    ]
    check_topics(settings, ["orders"])


def test_a_name_that_is_not_in_the_catalogue_is_refused(settings: Settings) -> None:
    with pytest.raises(BrokerError, match="ordres is no topic of the catalogue; it has: orders, returns"):
        ensure_topics(settings, ["ordres"])


def test_more_replicas_than_brokers_is_refused_with_the_reason_of_the_broker(settings: Settings) -> None:
    with pytest.raises(BrokerError, match=r"could not be created: .*replication factor.*replication = 3"):
        ensure_topics(settings.model_copy(update={"replication": 3}), ["orders"])
    assert describe(settings) == {}


def test_topics_are_deleted_only_under_the_prefix_that_is_repeated(settings: Settings) -> None:
    neighbour = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}.more"})
    ensure_topics(settings, ["orders", "returns"])
    ensure_topics(neighbour, ["orders"])
    with pytest.raises(BrokerError, match="prefix 'cuepoint' was named"):
        delete_topics(settings, prefix="cuepoint")
    deleted = delete_topics(settings, prefix=settings.topic_prefix)
    assert deleted == [settings.topic("orders"), settings.topic("returns")]
    assert describe(settings) == {}
    check_topics(neighbour, ["orders"])
    assert delete_topics(settings, prefix=settings.topic_prefix) == []


def test_an_old_record_keeps_its_place_and_gets_the_time_of_its_arrival(settings: Settings) -> None:
    ensure_topics(settings, ["orders"])
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    sent = producer.send(settings.topic("orders"), value=b"of 2011", partition=0, timestamp_ms=1_300_000_000_000)
    assert abs(sent.get(timeout=30).timestamp - time.time() * 1000) < 60_000
    producer.close()


def test_records_may_be_as_large_as_the_catalogue_says_and_no_larger(settings: Settings) -> None:
    ensure_topics(settings, ["decide-changelog"])
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, max_request_size=8_000_000)
    value = b"x" * (RECORD_BYTES_MAX_INTERNAL - 200)
    producer.send(settings.topic("decide-changelog"), key=b"k", value=value, partition=0).get(timeout=30)
    with pytest.raises(MessageSizeTooLargeError):
        producer.send(settings.topic("decide-changelog"), key=b"k", value=value + b"x" * 200, partition=0).get(
            timeout=30
        )
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap_servers, group_id=None)
    partition = TopicPartition(settings.topic("decide-changelog"), 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    assert len(next(iter(consumer)).value) == len(value)
    consumer.close()


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """A server that is no Kafka broker: it answers everything with ``answer``, or is silent (None)."""
    with socket.create_server((ports.LOCALHOST, 0)) as server:

        def serve() -> None:
            with ExitStack() as connections, suppress(OSError):
                while True:
                    connection = connections.enter_context(server.accept()[0])
                    if answer is not None:
                        with suppress(OSError):
                            connection.sendall(answer)
                            connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def refusal(bootstrap_servers: str, caplog: pytest.LogCaptureFixture) -> str:
    """The sentence with which a connection is refused: alone, in time, with no log line and no thread left."""
    threads = set(threading.enumerate())
    started = time.monotonic()
    with caplog.at_level(logging.WARNING), pytest.raises(BrokerError) as raised:
        connect(bootstrap_servers)
    assert time.monotonic() - started < 7
    assert not caplog.records
    assert set(threading.enumerate()) <= threads
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_nothing_listening_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = ports.free_ports(1)
    assert f"No Kafka broker: 127.0.0.1:{port} refuses connections (nothing listens there)" in refusal(
        f"127.0.0.1:{port}", caplog
    )


def test_an_unknown_host_name_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert "nowhere.invalid:9092 has a host name that is not known" in refusal("nowhere.invalid:9092", caplog)


@pytest.mark.parametrize("address", ["broker", "broker:", ":9092", "broker:port", "broker:0", "broker:70000", ""])
def test_an_address_of_the_wrong_form_is_said(address: str, caplog: pytest.LogCaptureFixture) -> None:
    assert f"{address!r} is not host:port; set CUEPOINT_BOOTSTRAP_SERVERS" in refusal(address, caplog)


def test_a_silent_server_is_said_to_be_no_broker(caplog: pytest.LogCaptureFixture) -> None:
    with listener(answer=None) as port:
        assert f"127.0.0.1:{port} does not answer as a Kafka broker" in refusal(f"127.0.0.1:{port}", caplog)


def test_a_web_server_is_said_to_be_no_broker(caplog: pytest.LogCaptureFixture) -> None:
    with listener(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert f"127.0.0.1:{port} does not answer as a Kafka broker" in refusal(f"127.0.0.1:{port}", caplog)


def test_the_port_of_a_controller_is_said_to_be_no_broker(
    broker: LocalBroker, caplog: pytest.LogCaptureFixture
) -> None:
    properties = (broker.directory / "server.properties").read_text()
    address = next(line for line in properties.splitlines() if line.startswith("controller.quorum")).split("@")[1]
    assert f"{address} does not answer as a Kafka broker" in refusal(address, caplog)


def test_one_usable_address_of_several_is_enough(broker: LocalBroker) -> None:
    (port,) = ports.free_ports(1)
    with connect(f"127.0.0.1:{port}, {broker.bootstrap_servers}") as admin:
        assert len(admin.describe_cluster()["brokers"]) == 1


def test_a_broker_that_names_an_unknown_host_is_told_to_correct_its_listeners(tmp_path: Path) -> None:
    broker = LocalBroker(
        tmp_path, short_lived=True, settings={"advertised.listeners": "PLAINTEXT://nowhere.invalid:9092"}
    )
    with pytest.raises(
        PlatformError, match=r"use nowhere\.invalid:9092, which has a host name that is not known; correct its"
    ):
        broker.start()
    assert broker.pid is None
