"""The answer of a gate."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """What a gate says: its name, the reason code when it stops the message (else empty), the value it looked at."""

    gate: str
    reason: str
    value: str

    def record(self) -> dict[str, object]:
        """As ``schemas.decisions.GateResult``."""
        return {"gate": self.gate, "passed": not self.reason, "value": self.value}
