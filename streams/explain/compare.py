"""``--recompute``: the decisions as recorded beside those that the same log makes again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.explain.recording import Decision, Recording

Word = tuple[str, str, str]
"""(decision id, outcome, reason): what two runs over one log have in common."""


@dataclass(frozen=True)
class Comparison:
    """What differs. ``excused``: why a difference proves nothing; empty: it is a fault."""

    same: int
    only_recorded: list[Decision]
    only_recomputed: list[Decision]
    excused: str

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.only_recorded and not self.only_recomputed


def compared(recording: Recording, campaign: str | None) -> Comparison | None:
    """The comparison, of one campaign or all; None: the source has no decisions to compare with."""
    if recording.recorded is None:
        return None
    recorded, made = _words(recording.recorded, campaign), _words(recording.decisions, campaign)
    excused = ""
    if recording.begins is not None:
        excused = "The log begins later than the customer's history may, so that older events are not in it."
    return Comparison(
        len(recorded.keys() & made.keys()),
        [row for word, row in recorded.items() if word not in made],
        [row for word, row in made.items() if word not in recorded],
        excused,
    )


def _words(decisions: Iterable[Decision], campaign: str | None) -> dict[Word, Decision]:
    rows = (row for row in decisions if campaign in (None, row["campaign"]))
    return {(row["decision_id"], row["outcome"], row["reason"]): row for row in rows}
