"""Lists with a capacity: a list and its candidates go to the partition of its name."""

from __future__ import annotations

import msgspec

from schemas.topics import STAGES
from streams.capacity.task import CANDIDATE, Position
from streams.ordered import POSITION_KEY
from streams.repartition.borders import New, Old
from streams.repartition.clocks import remade
from streams.repartition.identity_state import unknown_entry
from streams.repartition.rest import UPSTREAM, Rest
from streams.wire import decode_envelope, partition_of

STAGE = "capacity"
TOPIC = STAGES[STAGE].inputs[0]

_encoder = msgspec.msgpack.Encoder()


def carry(old: Old, new: New, rest: Rest) -> list[bytes]:
    """Write the candidates; returns the position record of each new partition, none where no list was ever asked.

    Raises RepartitionError.
    """
    if not rest.capacity:
        return []
    for number in range(old.partitions):
        for key, value in old.table(STAGE, number).items():
            if key == POSITION_KEY:
                continue
            if not key.startswith(CANDIDATE):
                raise unknown_entry(STAGE, key)
            home = partition_of(decode_envelope(value).data["list"], new.partitions)
            new.keep(STAGE, home, key, value)
    used: list[dict[str, int]] = [{} for _ in range(new.partitions)]
    for position in rest.capacity:
        for name, places in position.used.items():
            used[partition_of(name, new.partitions)][name] = places
    marks = remade(STAGE, UPSTREAM[STAGE], rest.marks[STAGE], new.partitions)
    return [
        _encoder.encode(Position(new.next_offset(TOPIC, number), marks, used[number], []))
        for number in range(new.partitions)
    ]
