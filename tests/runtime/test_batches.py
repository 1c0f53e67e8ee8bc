"""The client's batches, filled and taken over without its code for each record: what goes in comes out, no more."""

from __future__ import annotations

from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from streams.runtime.fetched import _batches
from streams.runtime.transactions import BATCH_BYTES_MAX, _fill

TP = TopicPartition("t.events", 0)
ABORT_KEY, COMMIT_KEY = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


def test_rows_fill_batches_in_their_order_and_one_of_any_size_fits() -> None:
    rows: list[Any] = [(b"k%d" % n, b"v" * 200, (("h", b"1"),) if n % 3 == 0 else ()) for n in range(4_000)]
    rows += [(b"large", b"x" * 2 * BATCH_BYTES_MAX, ()), (b"deleted", None, ())]
    sent, read = 0, []
    while sent < len(rows):
        batch = BatchBuilder(BATCH_BYTES_MAX, 0, is_transactional=1)
        count = _fill(batch, rows, sent)
        assert count == batch.record_count() > 0
        assert batch.closed()
        sent += count
        records = list(MemoryRecords(bytes(batch._build())).next_batch())
        read += [(record.key, record.value, tuple(record.headers)) for record in records]
    assert read == rows


def test_what_was_aborted_and_what_lies_before_the_position_is_left_out() -> None:
    raw = b"".join(
        (
            _batch(0, 7, [b"a", b"b", b"c"]),
            _batch(3, 8, [b"lost"]),
            _batch(4, 8, [ABORT_KEY], control=True),
            _batch(5, 7, [COMMIT_KEY], control=True),
            _batch(6, 8, [b"d"]),
        )
    )
    fetched = PartitionRecords(TP, MemoryRecords(raw), [(8, 3)], 1, None, None, True, READ_COMMITTED)
    found = list(_batches(fetched, lambda batch, begin: [raw.key for raw in batch if raw.offset >= begin]))
    assert found == [[b"b", b"c"], [b"d"]]
    assert fetched.next_fetch_offset == 7


def _batch(offset: int, producer: int, keys: list[bytes], *, control: bool = False) -> bytes:
    """A transactional batch as the broker keeps it; bit 5 of its attributes says that it is a marker."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, 0, 1 << 20)
    for number, key in enumerate(keys):
        assert builder.append(number, 1, key, b"", [])
    made = bytearray(builder.build())
    made[0:8] = offset.to_bytes(8, "big")
    if control:
        made[22] |= 0x20
        made[17:21] = calc_crc32c(bytes(made[21:])).to_bytes(4, "big")
    return bytes(made)
