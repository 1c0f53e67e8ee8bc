"""What a fetch brought, taken over batch by batch: no generator of the client between the broker's bytes and our lists.

aiokafka hands out each record through an iterator, a generator and a frozen dataclass. Its rules stay: what
was aborted, control records and what lies before the position are left out. tests/contract guards what this rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import CorruptRecordException

T = TypeVar("T")
Reader = Callable[[Any, int], list[T]]
"""Makes a list of one of the broker's batches: (batch, first offset that counts)."""


async def take_fetched(fetcher: Fetcher, tp: TopicPartition, read: Reader[T]) -> list[list[T]]:
    """All that was fetched of a partition, one list for each of the broker's batches; the position moves behind it.

    While no rebalance is under way it does not suspend. Raises aiokafka's errors.
    """
    fetched = fetcher._records.get(tp)
    if type(fetched) is FetchResult and fetched._partition_records is not None:
        fetched._partition_records._records_iterator = _batches(fetched._partition_records, read)
    found: list[list[T]] = (await fetcher.fetched_records({tp}, timeout=0)).get(tp, [])
    return found


def _batches(fetched: Any, read: Reader[T]) -> Iterator[list[T]]:
    """The committed records of a fetch (a ``PartitionRecords``), batch by batch."""
    while fetched._records.has_next():
        batch = fetched._records.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        fetched._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch:
            if fetched._contains_abort_marker(batch):
                fetched._aborted_producers.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in fetched._aborted_producers):
            yield read(batch, fetched.next_fetch_offset)
        fetched.next_fetch_offset = batch.next_offset
