"""The clients of a channel service: a member of a group keeps its place."""

from __future__ import annotations

import time

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewPartitions

from sinks.channels.clients import GroupConsumer
from streams.settings import Settings
from streams.topics_admin import ensure_topics

POLL_MS = 1
"""So short that polls end in the middle of a join."""


def _poll_until(consumer: GroupConsumer, partitions: int) -> None:
    until = time.monotonic() + 30
    while len(consumer.assignment()) < partitions:
        assert time.monotonic() < until, f"{len(consumer.assignment())} of {partitions} partitions after 30 s"
        consumer.poll(timeout_ms=POLL_MS)


@pytest.mark.timeout(300)
def test_a_member_that_joins_again_for_new_partitions_gets_them_although_polls_end_in_between(
    settings: Settings,
) -> None:
    config = settings.model_copy(update={"partitions": 1})
    ensure_topics(config, ["triggers.email"])
    topic = config.topic("triggers.email")
    consumer = GroupConsumer(
        bootstrap_servers=config.bootstrap_servers, group_id=f"{config.topic_prefix}-group", metadata_max_age_ms=100
    )
    admin = KafkaAdminClient(bootstrap_servers=config.bootstrap_servers)
    try:
        consumer.subscribe([topic])
        _poll_until(consumer, 1)
        for partitions in range(2, 5):
            admin.create_partitions({topic: NewPartitions(partitions)})
            _poll_until(consumer, partitions)
    finally:
        admin.close()
        consumer.close(autocommit=False)
