"""A backup's state for logs that begin anew: the cluster is lost, or the state is to go on under another prefix.

Offsets of the old logs mean nothing there, so every position goes to the beginning. The pipeline is live from the
moment of the restore: what came due before is not sent, as after a replay (``before_go_live``), since the old pipeline
may have sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from schemas.base import to_ms
from schemas.catalog import LiveMode
from schemas.topics import STAGES
from streams.backup.restore import Backup, Say, state_of, write_state
from streams.backup.written import TOPICS as OUTPUTS
from streams.broker_logs import committed_ends, places_of
from streams.capacity.task import Position as CapacityPosition
from streams.errors import StateError
from streams.ordered import POSITION_KEY
from streams.ordered import Position as OrderedPosition
from streams.replay.control import write_control
from streams.settings import Settings
from streams.tools import consumer

_encoder = msgspec.msgpack.Encoder()
_ordered = msgspec.msgpack.Decoder(OrderedPosition)
_capacity = msgspec.msgpack.Decoder(CapacityPosition)


def begin_anew(stage: str, values: dict[bytes, bytes], live_from_ms: int) -> None:
    """Make a partition's state one that has read nothing of its logs yet."""
    raw = values.get(POSITION_KEY)
    if raw is not None:
        values[POSITION_KEY] = _encoder.encode(_POSITIONS[stage](raw, live_from_ms))


def _of_intake(raw: bytes, live_from_ms: int) -> Any:
    position = msgspec.msgpack.decode(raw)
    newest = dict.fromkeys(position["newest"], live_from_ms)
    return {**position, "offsets": {}, "stopped": {}, "mode": "live", "newest": newest}


def _of_identity(raw: bytes, live_from_ms: int) -> Any:
    return msgspec.structs.replace(_ordered.decode(raw), first=0, next=0)


def _of_decide(raw: bytes, live_from_ms: int) -> Any:
    position = _ordered.decode(raw)
    extra = {**position.extra, "hand_over": True, "live_from": live_from_ms}
    return msgspec.structs.replace(position, first=0, next=0, extra=extra)


def _of_capacity(raw: bytes, live_from_ms: int) -> Any:
    return msgspec.structs.replace(_capacity.decode(raw), next=0)


def restore_anew(settings: Settings, backup: Backup, stages: Sequence[str], now: datetime, say: Say) -> None:
    """Write a backup's state into a pipeline whose topics are all empty, and put it into live mode.

    Raises StateError when a topic holds records, BrokerError, InputError.
    """
    _check_empty(settings)
    for name in stages:
        for number in range(settings.partitions):
            values = state_of(backup, name, number)
            begin_anew(name, values, to_ms(now))
            write_state(settings, STAGES[name], number, values)
            say(f"{name} {number}: {len(values):,} entries")
    write_control(settings, "mode", LiveMode(kind="live", from_time=now))


def _check_empty(settings: Settings) -> None:
    """Sources may have begun to send: what they send is read. What a stage has written is of another life."""
    with consumer(settings) as client:
        for (topic, number), end in committed_ends(client, settings, places_of(OUTPUTS, settings)).items():
            if end:
                raise StateError(
                    f"{settings.topic(topic)} partition {number} is not empty: --new-logs begins with empty topics. "
                    "Restore without it where the logs survived, or set CUEPOINT_TOPIC_PREFIX to a new one and run "
                    "cuepoint topics apply."
                )


_POSITIONS = {"intake": _of_intake, "identity": _of_identity, "decide": _of_decide, "capacity": _of_capacity}
