"""What an engine process is told, and what it says: a JSON line with its first event in user code, and one at the end.

Imported in both environments, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one engine. Topic names are full; ``name`` is unique and names group, application and transactions.

    ``events``: stop after so many, with the last commit made at once; 0 runs until SIGTERM. ``interval_ms``: commit
    cadence, for engines that have one. ``directory``: for state on disk, removed by the caller.
    """

    bootstrap: str
    name: str
    input: str
    output: str
    changelog: str
    events: int
    interval_ms: int
    directory: str

    def as_argument(self) -> str:
        """For the command line of an engine process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_arguments(cls) -> Run:
        """The run that this process was started for."""
        return cls(**json.loads(sys.argv[1]))


class Progress:
    """Says on standard output when work began and ended, and counts commits on the way.

    Costs one clock reading a commit. ``cpu_s`` is user and system time of all threads of this process between the two.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._began_cpu = 0.0
        self._commits: dict[int, list[float]] = {}

    def began(self) -> None:
        """The first event is in user code. Later calls are ignored."""
        if not self._began:
            self._began, self._began_cpu = time.perf_counter(), time.process_time()
            self._say(began=True)

    def committed(self, part: int = 0) -> None:
        """A commit is done; ``part`` numbers independent sequences of commits (a producer for each partition)."""
        self._commits.setdefault(part, []).append(time.perf_counter())

    def ended(self) -> None:
        """The last output is flushed and the last commit is done: at the last call of ``committed``."""
        last = max(stamps[-1] for stamps in self._commits.values())
        gaps_ms = [
            (later - earlier) * 1000
            for stamps in self._commits.values()
            for earlier, later in zip([self._began, *stamps], stamps, strict=False)
        ]
        self._say(
            seconds=last - self._began,
            cpu_s=time.process_time() - self._began_cpu,
            commits=len(gaps_ms),
            gap_ms=sorted(gaps_ms)[len(gaps_ms) // 2],
            gap_ms_max=max(gaps_ms),
        )

    @staticmethod
    def _say(**facts: Any) -> None:
        print(json.dumps(facts), flush=True)
