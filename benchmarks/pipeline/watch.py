"""What a soak sees of its processes: memory, and how much of their input they have not worked off."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError

from benchmarks.pipeline.processes import rss_bytes
from schemas.topics import STAGES
from streams.admin_client import connect
from streams.settings import Settings
from streams.up import Child

MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One look. ``lag``: records of each stage's inputs between the committed position and the end of the log."""

    at_s: float
    rss_mib: dict[str, float]
    pids: dict[str, int]
    lag: dict[str, int]
    written: int
    behind_s: float


@dataclass
class Watcher:
    """Takes samples; ``kills`` are (seconds, process name)."""

    settings: Settings
    began: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    kills: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._client = KafkaConsumer(bootstrap_servers=self.settings.bootstrap_servers, group_id=None)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def look(self, children: list[Child], broker_pid: int | None, written: int, behind_s: float) -> None:
        """Take a sample."""
        pids = {child.name: child.process.pid for child in children if child.process is not None}
        pids |= {"broker": broker_pid} if broker_pid is not None else {}
        rss = {name: rss_bytes(pid) / MIB for name, pid in pids.items()}
        self.samples.append(Sample(self.now_s, rss, pids, self._lag(), written, behind_s))

    def _lag(self) -> dict[str, int]:
        places = {
            stage.name: [
                TopicPartition(self.settings.topic(topic), number)
                for topic in stage.inputs
                for number in range(self.settings.partitions)
            ]
            for stage in STAGES.values()
        }
        ends = self._client.end_offsets([place for stage in places.values() for place in stage])
        groups = {stage: f"{self.settings.topic_prefix}-{stage}" for stage in places}
        with connect(self.settings.bootstrap_servers) as admin:
            try:
                committed = admin.list_group_offsets(list(groups.values()))
            except CoordinatorNotAvailableError:  # a new broker makes its topic of offsets for the first group
                committed = {}
        return {
            stage: sum(ends[place] - _offset(committed.get(groups[stage], {}).get(place)) for place in found)
            for stage, found in places.items()
        }


def _offset(committed: object) -> int:
    return max(0, getattr(committed, "offset", 0))


def settled(samples: list[Sample], name: str, from_s: float, settle_s: float) -> list[Sample]:
    """The longest time in the life of one process after ``from_s``, without its first ``settle_s``."""
    lives: dict[int, list[Sample]] = {}
    for sample in samples:
        if name in sample.pids:
            lives.setdefault(sample.pids[name], []).append(sample)
    first = samples[0].pids.get(name) if samples else None
    kept = [
        [s for s in life if s.at_s >= max(from_s, life[0].at_s + (0 if pid == first else settle_s))]
        for pid, life in lives.items()
    ]
    return max(kept, key=len, default=[])


def slope(points: list[tuple[float, float]]) -> float:
    """Rise per unit of x: the median over all pairs of points (Theil and Sen), which outliers do not move."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1]
    return median(slopes) if slopes else 0.0


def thinned(points: list[tuple[float, float]], most: int = 200) -> list[tuple[float, float]]:
    """At most ``most`` of the points, evenly spread."""
    step = max(1, len(points) // most)
    return points[::step]
