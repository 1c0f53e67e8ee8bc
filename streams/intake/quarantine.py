"""The quarantine record: the original bytes untouched, and headers that say where it came from and why."""

from __future__ import annotations

from schemas.quarantine import (
    HEADER_BYTES,
    HEADER_KEY,
    HEADER_MESSAGE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_SHA256,
    HEADER_STAGE,
    HEADER_TOPIC,
    QUARANTINE_PREFIX_BYTES,
)
from streams.intake.validate import Rejection, sha256_hex
from streams.task import Out, Record


def quarantine_record(stage: str, partition: int, record: Record, rejection: Rejection) -> Out:
    """What goes to the topic ``quarantine``. Of a record that is too large only the first bytes, with hash and size."""
    value = record.value or b""
    kept = value[:QUARANTINE_PREFIX_BYTES] if rejection.reason == "too_large" else value
    headers = (
        (HEADER_TOPIC, record.topic.encode()),
        (HEADER_PARTITION, b"%d" % record.partition),
        (HEADER_OFFSET, b"%d" % record.offset),
        (HEADER_STAGE, stage.encode()),
        (HEADER_REASON, rejection.reason.encode()),
        (HEADER_MESSAGE, rejection.message.encode()),
        (HEADER_SHA256, sha256_hex(value).encode()),
        (HEADER_BYTES, b"%d" % len(value)),
        *(((HEADER_KEY, record.key),) if record.key is not None else ()),
        *((name, content) for name, content in record.headers if name.startswith("cuepoint-replay")),
    )
    key = f"{record.topic}-{record.partition}-{record.offset}".encode()
    return Out("quarantine", partition, key, kept, headers)
