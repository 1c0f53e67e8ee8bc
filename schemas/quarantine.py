"""Quarantine: records that no stage could use, with the original bytes untouched and a reason a person understands."""

from __future__ import annotations

from schemas.base import Closed

QUARANTINE_REASONS: dict[str, str] = {
    "empty": "The record has no value.",
    "not_json": "The value is not UTF-8 JSON.",
    "unknown_type": "The event type is not one of the topic's contract.",
    "missing_field": "A required field is missing.",
    "invalid_field": "A field has a value that the contract does not allow.",
    "naive_time": "A time has no zone; write it as RFC 3339 with an offset.",
    "unknown_currency": "The currency is not an ISO 4217 code.",
    "unknown_market": "The market or country is not an ISO 3166 code.",
    "unknown_brand": "No campaign or rules have been published for this brand.",
    "amount_too_fine": "An amount has more decimals than its currency.",
    "in_the_future": "The event says that it happens more than a day after it arrived.",
    "too_large": "The record is larger than the topic allows; hash, coordinates and a prefix are kept.",
}
"""The closed list of quarantine reasons with their meaning."""

HEADER_TOPIC = "cuepoint-topic"
HEADER_PARTITION = "cuepoint-partition"
HEADER_OFFSET = "cuepoint-offset"
HEADER_STAGE = "cuepoint-stage"
HEADER_REASON = "cuepoint-reason"
HEADER_MESSAGE = "cuepoint-message"
HEADER_SHA256 = "cuepoint-sha256"
HEADER_BYTES = "cuepoint-bytes"
HEADER_KEY = "cuepoint-key"
"""Headers of a quarantine record: where it came from, why, and size and hash of the original value. The key is
``topic-partition-offset``; the value is the original value (of a record that is too large, its first bytes)."""

QUARANTINE_PREFIX_BYTES = 4_096
"""How much is kept of a record that is too large."""


class QuarantineEntry(Closed):
    """A quarantined record as tools list it."""

    topic: str
    partition: int
    offset: int
    stage: str
    reason: str
    message: str
    sha256: str
    size: int
    value: bytes
