"""What the tests of the simulator share: reading what it wrote."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from schemas.catalog import CatalogItem
from schemas.customers import CustomerEvent, FeedbackEvent
from schemas.orders import OrderEvent, ReturnEvent
from schemas.pos import PosTransaction
from schemas.web import WebEvent
from streams.replay.files import SOURCES, read_source

CONTRACTS: dict[str, TypeAdapter[Any]] = {
    "orders": TypeAdapter(OrderEvent),
    "returns": TypeAdapter(ReturnEvent),
    "web-sessions": TypeAdapter(WebEvent),
    "pos-transactions": TypeAdapter(PosTransaction),
    "customers": TypeAdapter(CustomerEvent),
    "channel-feedback": TypeAdapter(FeedbackEvent),
    "catalog": TypeAdapter(CatalogItem),
}


class Written:
    """A simulation's files, read: valid events by source, and the truth by kind."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.truth: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in (directory / "truth.jsonl").read_text().splitlines():
            fact = json.loads(line)
            self.truth[fact["kind"]].append(fact)
        self.summary = json.loads((directory / "simulation.json").read_text())
        broken = {fact["raw"].encode() for fact in self.truth["broken"]}
        self.lines = {source: list(read_source(directory, source)) for source in SOURCES}
        self.broken = {source: [raw for raw in lines if raw in broken] for source, lines in self.lines.items()}
        self.events = {
            source: [CONTRACTS[source].validate_json(raw) for raw in lines if raw not in broken]
            for source, lines in self.lines.items()
        }

    def of_type(self, source: str, kind: str) -> list[Any]:
        """Events of one type; duplicates once."""
        return list({event.event_id: event for event in self.events[source] if event.type == kind}.values())
