"""Intake without Kafka: one record in, the envelopes that it becomes, or why it does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schemas.base import rfc3339
from streams.intake.fast import FastReader
from streams.intake.route import Routed, route
from streams.intake.stamp import FUTURE_MS_MAX, PLANNED_MS_MAX, effective
from streams.intake.validate import Rejection, validate

UNKNOWN_FIELDS_MAX = 1_000
"""Names of unknown fields that are counted apart; further ones are counted together."""


@dataclass(slots=True)
class Admission:
    """Validates, stamps and routes; remembers the brands and the unknown fields."""

    brands: frozenset[str] | None = None
    """The brands that exist; None: any."""
    fast: FastReader | None = field(default_factory=FastReader)
    """None: every record is read by the contract. The results are the same."""
    unknown_fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(source, field) -> records that carried a field outside the contract, since it was last emptied."""
    _names: set[tuple[str, str]] = field(default_factory=set)

    def admit(self, source: str, value: bytes | None, arrived: int, until: int) -> list[Routed] | Rejection | None:
        """The routed envelopes of a record; a rejection; or None for a record that is dropped and counted as ignored.

        ``arrived``: when it reached us; ``until``: what its source was complete until then (milliseconds).
        """
        read = None if self.fast is None else self.fast.read(source, value)
        if read is not None:
            event, data, at = read
        else:
            checked = validate(source, value)
            if isinstance(checked, Rejection):
                return checked
            event, data, at = checked.event, checked.data, checked.at
            if self.fast is not None:
                self.fast.learn(source, event)
        if self.brands is not None and event.brand not in self.brands and source != "campaigns":
            return self._unknown_brand(event.brand)
        most, so_long = (PLANNED_MS_MAX, "366 days") if source == "campaigns" else (FUTURE_MS_MAX, "a day")
        if at > arrived + most:
            return Rejection(
                "in_the_future",
                f"Field occurred_at = {rfc3339(at)} is more than {so_long} after the record arrived "
                f"({rfc3339(arrived)}). Correct the clock of the source and replay the record.",
            )
        if event.model_extra:
            self._report(source, list(event.model_extra))
        if source == "pos-transactions" and event.status != "completed":
            return None
        return route(source, event, data, at, effective(at, until))

    def _unknown_brand(self, brand: str) -> Rejection:
        known = ", ".join(sorted(self.brands or ())) or "none"
        return Rejection(
            "unknown_brand",
            f"Field brand = {brand!r}: no campaign or rules are published for it (published: {known}). "
            "Publish them with cuepoint campaigns publish, or correct the brand, and replay the record.",
        )

    def _report(self, source: str, names: list[str]) -> None:
        for name in names:
            key = (source, name)
            if key not in self._names:
                if len(self._names) >= UNKNOWN_FIELDS_MAX:
                    key = (source, "(others)")
                self._names.add(key)
            self.unknown_fields[key] += 1
