"""The runtime's metrics: Prometheus names, seconds and counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_STAGE = ("stage",)
_PARTITION = ("stage", "partition")
_INPUT = ("stage", "topic", "partition")

TRANSACTION_SECONDS = Histogram(
    "cuepoint_transaction_seconds",
    "Time of one Kafka transaction, begin to commit.",
    _STAGE,
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
TRANSACTIONS_ABORTED = Counter("cuepoint_transactions_aborted", "Transactions given up because of an error.", _STAGE)
ROUNDS = Counter("cuepoint_rounds", "Rounds of a partition: take, tick, step, commit.", _PARTITION)
BATCH_RECORDS = Histogram(
    "cuepoint_batch_records",
    "Input records that one round took.",
    _STAGE,
    buckets=(0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000),
)
RECORDS_WRITTEN = Counter("cuepoint_records_written", "Records committed, outputs and changelog.", _STAGE)
BATCHES_REFUSED = Counter(
    "cuepoint_batches_refused", "Fetched batches that did not follow the last accepted one; read again.", _INPUT
)
RECORDS_EXPIRED = Counter(
    "cuepoint_records_expired", "Input offsets that retention deleted before they were read.", _INPUT
)
QUEUE_RECORDS = Gauge("cuepoint_queue_records", "Records fetched and waiting for the next round.", _PARTITION)
LAG_RECORDS = Gauge("cuepoint_lag_records", "Offsets between the read position and the end of the log.", _INPUT)
STATE_ENTRIES = Gauge(
    "cuepoint_state_entries", "Keys of a partition's table; by RocksDB's estimate where it holds them.", _PARTITION
)
STATE_BYTES = Gauge(
    "cuepoint_state_bytes", "Encoded size of a partition's table; of its files where RocksDB holds it.", _PARTITION
)
STORE_DISCARDED = Counter(
    "cuepoint_store_discarded", "Local stores that could not be used and were built again from the changelog.", _STAGE
)
RESTORE_SECONDS = Histogram(
    "cuepoint_restore_seconds",
    "Time to restore a partition's table: to open its local store and read what the changelog has beyond it.",
    _STAGE,
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
)
RESTORE_RECORDS = Counter("cuepoint_restore_records", "Changelog records read in restores.", _STAGE)
PAUSED = Gauge("cuepoint_paused", "1 while somebody has stopped the stage (cuepoint pause everything).", _STAGE)
PARTITIONS_READY = Gauge("cuepoint_partitions_ready", "Partitions restored and at work on this worker.", _STAGE)
PARTITIONS_ASSIGNED = Gauge("cuepoint_partitions_assigned", "Partitions assigned to this worker.", _STAGE)
REBALANCES = Counter("cuepoint_rebalances", "Assignments received from the consumer group.", _STAGE)
