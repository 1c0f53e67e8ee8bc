"""Aborted transactions as the broker knows them: read from the transaction coordinator's own log."""

from __future__ import annotations

import struct
from collections import Counter

from kafka import KafkaConsumer, TopicPartition

from streams.settings import Settings

TOPIC = "__transaction_state"
_KEY = struct.Struct(">hh")
"""Version, and length of the transactional id that follows."""
_VALUE = struct.Struct(">hqhib")
"""Version, producer id, its epoch, timeout, status: the same in all versions of the record so far."""
COMPLETE_ABORT = 5


def aborted_transactions(settings: Settings) -> Counter[str]:
    """Stage -> transactions of this topic prefix that were aborted, each counted once.

    A transaction that a process leaves open when it dies is aborted as soon as the next owner of its transactional id
    starts. The topic is compacted, but never in the segment that is being written.
    """
    client = KafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
    )
    found: Counter[str] = Counter()
    try:
        places = [TopicPartition(TOPIC, number) for number in client.partitions_for_topic(TOPIC) or ()]
        if not places:  # no producer has ever begun one on this broker
            return found
        client.assign(places)
        client.seek_to_beginning(*places)
        ends = client.end_offsets(places)
        while any(client.position(place) < ends[place] for place in places):
            for record in (record for batch in client.poll(timeout_ms=100).values() for record in batch):
                producer = record.key[_KEY.size :].decode()
                if producer.startswith(f"{settings.topic_prefix}-") and _status(record.value) == COMPLETE_ABORT:
                    found[producer.split("-")[-2]] += 1
    finally:
        client.close()
    return found


def _status(value: bytes | None) -> int | None:
    """None: the transactional id has expired."""
    return None if value is None else int(_VALUE.unpack_from(value)[-1])
