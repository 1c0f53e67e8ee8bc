"""Broker settings of the development broker, the same for the JVM and for ``compose.yaml`` (a test compares them)."""

from __future__ import annotations

from schemas.topics import RECORD_BYTES_MAX_INTERNAL

KAFKA_VERSION = "4.4.0"

BROKER_SETTINGS: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    # Topics come from the catalogue; a topic made by a typing error would hide a fault.
    "auto.create.topics.enable": "false",
    # A replay carries event times of years ago; by CreateTime the broker would delete it at once.
    "log.message.timestamp.type": "LogAppendTime",
    "message.max.bytes": str(RECORD_BYTES_MAX_INTERNAL),
    # One node, and few partitions of the internal topics: each is created on first use and delays the first client.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.max.timeout.ms": "900000",
    # No waiting for more members of a group, and quick detection of dead ones where a client asks for it.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a restart the controller first waits for the old registration to time out: 9 s by default.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    # The cleaner takes its buffer from the heap at start; the default of 128 MB is a quarter of ours.
    "log.cleaner.dedupe.buffer.size": "16777216",
}
