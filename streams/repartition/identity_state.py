"""Identity: each link goes where its identifier belongs; what the CRM said to all partitions goes to all."""

from __future__ import annotations

import msgspec

from schemas.topics import STAGES
from streams.identity.families import ERASED, MERGED, OWNED
from streams.identity.names import identifier_of
from streams.ordered import POSITION_KEY, Position
from streams.progress import BEGINNING
from streams.repartition.borders import New, Old, RepartitionError
from streams.repartition.clocks import remade
from streams.repartition.moved import move
from streams.repartition.rest import UPSTREAM, Rest, waiting
from streams.wire import partition_of

STAGE = "identity"
TOPIC = STAGES[STAGE].inputs[0]
_TO_ALL = MERGED.encode()

_encoder = msgspec.msgpack.Encoder()
_names = msgspec.msgpack.Decoder(list[str])
_number = msgspec.msgpack.Decoder(int)


class _Tables:
    """The new partitions' tables, but for the links of identifiers, which are written as they come."""

    def __init__(self, new: New) -> None:
        self.new = new
        self.merged: dict[bytes, bytes] = {}
        """Links that every partition keeps: who was merged into whom."""
        self.erased: dict[bytes, int] = {}
        self.owned: list[dict[bytes, list[str]]] = [{} for _ in range(new.partitions)]

    def take(self, key: bytes, value: bytes, partition: int) -> None:
        """An entry of an old partition."""
        if key.startswith(OWNED):
            self._take_owned(key, _names.decode(value))
        elif key.startswith(ERASED):
            self.erased[key] = max(_number.decode(value), self.erased.get(key, BEGINNING))
        elif key.startswith(_TO_ALL):
            if self.merged.setdefault(key, value) != value:
                raise RepartitionError(
                    f"Partition {partition} of identity knows another merge of {key.decode()} than one before it; "
                    "replay the history into a new topic prefix."
                )
        elif b":" in key:
            self.new.keep(STAGE, partition_of(key.decode(), self.new.partitions), key, value)
        else:
            raise unknown_entry(STAGE, key)

    def _take_owned(self, key: bytes, names: list[str]) -> None:
        for name in names:
            all_ = name.startswith(MERGED)
            home = partition_of(identifier_of(name), self.new.partitions)
            for number in range(self.new.partitions) if all_ else (home,):
                owned = self.owned[number].setdefault(key, [])
                if name not in owned:
                    owned.append(name)

    def write(self) -> None:
        """Write what was collected."""
        for number, owned in enumerate(self.owned):
            for key, value in self.merged.items():
                self.new.keep(STAGE, number, key, value)
            for key, at in self.erased.items():
                self.new.keep(STAGE, number, key, _encoder.encode(at))
            for key, names in owned.items():
                self.new.keep(STAGE, number, key, _encoder.encode(names))


def carry(old: Old, new: New, rest: Rest) -> list[bytes]:
    """Write tables and waiting events; returns the position record of each new partition. Raises RepartitionError."""
    tables = _Tables(new)
    for number in range(old.partitions):
        for key, value in old.table(STAGE, number).items():
            if key != POSITION_KEY:
                tables.take(key, value, number)
    tables.write()
    clock = rest.clocks[STAGE]
    ranges = move(old.partitions, new, TOPIC, waiting(old, TOPIC, STAGE, rest.identity, clock))
    marks = remade(STAGE, UPSTREAM[STAGE], rest.marks[STAGE], new.partitions)
    extra = {"erasures": len(tables.erased)}
    return [_encoder.encode(Position(place.first, place.next, [clock], marks, extra)) for place in ranges]


def unknown_entry(stage: str, key: bytes) -> RepartitionError:
    """The error for an entry of a changelog that this release does not know how to place."""
    return RepartitionError(
        f"The changelog of {stage} has an entry {key[:2].decode(errors='replace')!r} that this release does not know "
        "where to put: use the release that wrote it."
    )
