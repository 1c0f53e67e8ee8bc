"""A live partition of decide fed by hand: events, control records, and marks that move its clock."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.campaigns import Campaign
from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams.campaigns import CampaignSet, records
from streams.decide.task import DecideTask
from streams.intake.admit import Admission
from streams.intake.task import SOURCES
from streams.intake.validate import Rejection
from streams.table import MemoryTable, wake_of
from streams.task import Record
from streams.wire import Mark, encode_envelope, encode_mark
from tests.oracle.builders import DAY, History, brand, t

NOON = t("2011-03-01T12:00")
TILLS = "pos-transactions"
ALL_STEPS = 1 << 40


class Live:
    """A live partition of decide of which one source comes in files."""

    def __init__(self, *campaigns: Campaign) -> None:
        self.history, self.log = History(), list[Record]()
        self.reasons: list[str] = []
        self.channels: list[str | None] = []
        self._admission, self._values = Admission(), dict[bytes, bytes]()
        self.restart()
        for _, record in records(CampaignSet(campaigns, (brand(hold_window="0s"),)), 0, "test"):
            self.read("campaigns", record)
        self.reach(1, 0)

    def restart(self) -> None:
        """Go on from what is stored."""
        self.task = DecideTask(0, 1, "test")
        self._table = MemoryTable(self._values, wake_of(self.task))
        self.task.load(self._table)
        for record in self.log[self.task.start_offsets().get("customer-events", 0) :]:
            self.task.take("customer-events", [record])

    def read(self, source: str, record: dict[str, Any], until: int = 0) -> None:
        """An event of a source."""
        admitted = self._admission.admit(source, msgspec.json.encode(record), NOON + DAY, until)
        assert admitted is not None
        assert not isinstance(admitted, Rejection), admitted
        for _, event in admitted:
            self._append(event.customer.encode(), encode_envelope(event))

    def control(self, **data: Any) -> None:
        """A control record, as intake passes it on."""
        event = Envelope(id="control", type="control", source="control", customer="*", at=0, eff=0, data=data)
        self._append(b"*", encode_envelope(event))

    def reach(self, clock: int, tills: int, newest: dict[str, int] | None = None) -> list[str]:
        """All sources are complete until ``clock``, the tills until ``tills``: what is decided then."""
        for stage in ("intake", "identity"):
            until = dict.fromkeys(SOURCES, clock) | {TILLS: tills}
            mark = Mark(stage, 0, 1, until, [TILLS], newest or {} if stage == "intake" else {})
            self._append(MARK_KEY, encode_mark(mark))
        self.task.tick(0, frozenset())
        effects = self.task.step(ALL_STEPS)
        assert not effects.more
        self._table.put(effects.state)
        decided = [msgspec.json.decode(out.value or b"") for out in effects.records if out.topic == "decisions"]
        made = [f"{d['campaign']} {d['outcome']} {d['reason']} {d['decided_at'][11:16]}" for d in decided]
        self.reasons += made
        self.channels += [d["channel"] for d in decided]
        return made

    def _append(self, key: bytes, value: bytes) -> None:
        record = Record("customer-events", 0, len(self.log), 0, key, value, ())
        self.log.append(record)
        self.task.take("customer-events", [record])
