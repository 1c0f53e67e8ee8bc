"""Who gets a place: at each cut-off the first of a list's candidates in the order of arbitration.

Pure. A list lives in one partition of the stage, so its places are counted in one place. Rules: docs/semantics.md,
"Lists".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from schemas.envelope import Envelope
from streams.progress import BEGINNING

Place = tuple[int, str]
"""(cut-off, list): the lists of one cut-off close in the order of their names."""


class Answered(NamedTuple):
    """A candidate that is no more, and the answer to it."""

    place: Place
    candidate: str
    answer: Envelope


class CapacityFold:
    """The lists of one partition."""

    def __init__(self) -> None:
        self.waiting: dict[Place, dict[str, Envelope]] = {}
        """Candidates by their ids."""
        self.until = BEGINNING
        """Every cut-off up to here is closed."""
        self.used: dict[str, int] = {}
        """List -> places given so far, for those with a total."""
        self.left: dict[Place, tuple[int, int, int]] = {}
        """Lists that are being closed -> (places left, rank of the next candidate, candidates in all)."""
        self._ranked: tuple[Place, list[Envelope]] | None = None
        """The candidates of the list that is being closed, the first last."""

    def __len__(self) -> int:
        return sum(len(group) for group in self.waiting.values())

    def take(self, candidate: Envelope) -> None:
        """A message waits for a place. One that comes after its cut-off was closed gets none."""
        place = candidate.eff, candidate.data["list"]
        self.waiting.setdefault(place, {})[candidate.id] = candidate
        if candidate.eff <= self.until:
            self.left.setdefault(place, (0, 1, 1))
            self._ranked = None

    @property
    def is_due(self) -> bool:
        """Whether a cut-off has come whose candidates are not all answered."""
        return bool(self.waiting) and min(self.waiting)[0] <= self.until

    def close(self, until: int, most: int) -> list[Answered]:
        """Close the cut-offs up to a moment before which everything is decided, at most ``most`` answers."""
        self.until = max(self.until, until)
        answered: list[Answered] = []
        while self.is_due and len(answered) < most:
            place = min(self.waiting)
            ranked = self._begin(place)
            answered.append(self._answer(place, ranked.pop()))
            if not ranked:
                del self.waiting[place], self.left[place]
                self._ranked = None
        return answered

    def _begin(self, place: Place) -> list[Envelope]:
        """The candidates still to be answered, the first last. At the beginning it is settled how many places there
        are: when the rules changed in between, the fewest of those that the candidates were told."""
        if self._ranked is None or self._ranked[0] != place:
            self._ranked = place, sorted(self.waiting[place].values(), key=_order, reverse=True)
        ranked = self._ranked[1]
        if place not in self.left:
            places = min(one.data["max"] for one in ranked)
            totals = [one.data["total"] for one in ranked if one.data["total"] is not None]
            if totals:
                places = min(places, max(0, min(totals) - self.used.get(place[1], 0)))
            self.left[place] = places, 1, len(ranked)
        return ranked

    def _answer(self, place: Place, candidate: Envelope) -> Answered:
        left, number, all_ = self.left[place]
        del self.waiting[place][candidate.id]
        if left and candidate.data["total"] is not None:
            self.used[place[1]] = self.used.get(place[1], 0) + 1
        self.left[place] = max(0, left - 1), number + 1, max(all_, number)
        room = f"place {number} of {all_}" if left else f"no place left for number {number} of {all_}"
        data: dict[str, Any] = {"key": candidate.data["key"], "chosen": left > 0, "value": f"{place[1]}: {room}"}
        answer = Envelope(
            candidate.id,
            "capacity.answer",
            "capacity",
            candidate.customer,
            place[0],
            candidate.data["answer_at"],
            data=data,
        )
        return Answered(place, candidate.id, answer)


def _order(candidate: Envelope) -> tuple[list[Any], str]:
    """By rank; messages that are alike in everything else, by their ids."""
    return candidate.data["rank"], candidate.id
