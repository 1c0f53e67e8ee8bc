"""What ``streams.runtime`` relies on inside Faust, mode and aiokafka. An upgrade that changes it fails here first."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import aiokafka.producer.sender as sender
import faust
import mode
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState, TopicPartitionState
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.producer.message_accumulator import BatchBuilder
from faust import stores
from faust.app.base import App
from faust.assignor.partition_assignor import PartitionAssignor
from faust.streams import Stream
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers import aiokafka as driver

from schemas.topics import STAGES
from streams.runtime import transactions, transport
from streams.runtime.app import build_app
from streams.settings import Settings
from tests.runtime.counting import CountingTask


def source(thing: Any) -> str:
    return inspect.getsource(thing)


def test_versions_are_the_ones_that_were_read() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == "0.14.0"


def test_what_the_transport_overrides_is_still_called() -> None:
    for name in (
        "getmany", "perform_seek", "seek_wait", "highwaters", "earliest_offsets", "wait_empty", "_commit",
        "verify_all_partitions_active",
    ):  # fmt: skip
        assert hasattr(driver.Consumer, name), name
        assert name in vars(transport.Consumer), name
    assert "getmany(timeout=1.0)" in source(Consumer._drain_messages)
    assert "_new_consumer_thread()" in source(driver.Consumer.__mro__[1].__init__)
    assert "self._create_consumer(" in source(driver.AIOKafkaConsumerThread.on_start)
    assert "_create_worker_consumer" in source(driver.AIOKafkaConsumerThread._create_consumer)
    for name in ("on_thread_stop", "call_thread", "_ensure_consumer"):
        assert hasattr(ConsumerThread, name) or hasattr(driver.AIOKafkaConsumerThread, name), name


def test_faust_recovers_nothing_when_offsets_and_ends_are_the_same() -> None:
    assert "highwater - offsets[tp]" in source(Recovery.active_remaining)
    assert "v > 0" in source(Recovery.need_recovery)
    assert "consumer.highwaters(" in source(Recovery._build_highwaters)
    assert "value - 1" in source(Recovery._build_highwaters)
    assert "consumer.earliest_offsets(" in source(Recovery._build_offsets)
    assert "consumer.seek_wait(" in source(Recovery._seek_offsets)
    assert "consumer.perform_seek()" in source(Recovery.on_recovery_completed)


def test_a_rebalance_waits_for_rounds_before_it_goes_on_and_signals_at_its_end() -> None:
    revoked, assigned = source(App._on_partitions_revoked), source(App._on_partitions_assigned)
    assert revoked.index("_consumer_wait_empty") < revoked.index("self.on_partitions_revoked.send")
    assert assigned.index("self.topics.on_partitions_assigned") < assigned.index("self.on_partitions_assigned.send")
    assert "consumer.wait_empty()" in source(App._consumer_wait_empty)
    assert source(mode.Service.stop).index("on_stop") < source(mode.Service.stop).index("_stop_children")


def test_wakes_of_a_topic_without_acks_are_not_tracked() -> None:
    assert "if topic in acking_topics" in source(Stream._py_aiter)


def test_a_fetch_can_be_taken_over_without_suspending() -> None:
    assert "if drained or not timeout:" in source(Fetcher.fetched_records)
    assert "reassignment_in_progress" in source(Fetcher.fetched_records)
    assert "position != self._partition_records.next_fetch_offset" in source(FetchResult.check_assignment)
    assert hasattr(Fetcher, "_create_fetch_waiter")
    assert "tp_state.highwater = highwater" in source(Fetcher)
    assert "tp_state.timestamp = now_ms" in source(Fetcher)
    for name in ("fetch_context", "reassignment_in_progress"):
        assert hasattr(SubscriptionState, name), name
    for name in ("position", "has_valid_position"):
        assert hasattr(TopicPartitionState, name), name


def test_the_restore_can_take_over_whole_batches_and_skip_what_was_aborted() -> None:
    assert "self._records_iterator = self._unpack_records()" in source(PartitionRecords.__init__)
    assert "next(self._records_iterator)" in source(PartitionRecords.__next__)
    for line in (
        "while records.has_next():",
        "next_batch.validate_crc()",
        "self._consume_aborted_up_to(next_batch.base_offset)",
        "self._contains_abort_marker(next_batch)",
        "self._aborted_producers.discard(next_batch.producer_id)",
        "next_batch.producer_id in self._aborted_producers",
        "self.next_fetch_offset = next_batch.next_offset",
    ):
        assert line in source(PartitionRecords._unpack_records), line
    assert "self._partition_records.next_fetch_offset" in source(FetchResult._update_position)


def test_a_batch_is_filled_as_the_client_fills_it() -> None:
    append = source(BatchBuilder.append)
    assert "self._builder.append(" in append
    assert "self._relative_offset += 1" in append
    assert "return self._relative_offset" in source(BatchBuilder.record_count)
    assert "self._closed = True" in source(BatchBuilder.close)


def test_the_wait_between_two_transactions_is_the_constant_that_we_lower() -> None:
    assert "return BACKOFF_OVERRIDE" in source(sender.AddPartitionsToTxnHandler.handle_response)
    assert sender.BACKOFF_OVERRIDE == transactions.CONCURRENT_TRANSACTIONS_BACKOFF_S


def test_environment_variables_of_faust_do_nothing(monkeypatch: Any) -> None:
    for name in ("BROKER_URL", "CUEPOINT_FAUST_BROKER_URL", "APP_ENV_PREFIX", "TOPIC_ALLOW_DECLARE", "WEB_ENABLED"):
        monkeypatch.setenv(name, "true")
    app = build_app(STAGES["intake"], Settings(bootstrap_servers="127.0.0.1:1"), CountingTask)
    assert str(app.conf.broker[0]) == "kafka://127.0.0.1:1"
    assert not app.conf.topic_allow_declare
    assert not app.conf.web_enabled
    assert app.conf.table_standby_replicas == 0


def test_the_store_scheme_is_known_and_tables_keep_fausts_own_assignor() -> None:
    app = build_app(STAGES["intake"], Settings(topic_prefix="c"), CountingTask)
    assert stores.by_url("cuepoint://").__name__ == "TaskStore"
    assert app.tables.changelog_topics == {"c.intake-changelog"}
    assert isinstance(app.assignor, PartitionAssignor)


def test_partition_i_of_all_topics_of_a_stage_lands_on_one_worker() -> None:
    settings = Settings(topic_prefix="c", partitions=8)
    stage = STAGES["intake"]
    app = build_app(stage, settings, CountingTask)
    topics = [settings.topic(name) for name in (*stage.inputs, stage.changelog)]

    class Cluster(ClusterMetadata):  # type: ignore[misc]
        def partitions_for_topic(self, topic: str) -> set[int]:
            return set(range(8))

    members = {
        f"m{number}": ConsumerProtocolMemberMetadata(4, topics, app.assignor._metadata.dumps()) for number in range(3)
    }
    seen: list[int] = []
    for assigned in app.assignor.assign(Cluster(), members).values():
        by_topic = {topic: sorted(partitions) for topic, partitions in assigned.assignment}
        assert set(by_topic) == set(topics)
        assert len({tuple(partitions) for partitions in by_topic.values()}) == 1
        seen += by_topic[topics[0]]
    assert sorted(seen) == list(range(8))


def test_the_worker_is_stopped_through_modes_signal_future() -> None:
    assert "self._signal_stop_future" in source(mode.Worker.stop_and_shutdown)
    assert "on_first_start" in vars(faust.Worker)
