"""The alerts: each asks how old something is, or whether something gets on, and has a section in ``docs/runbook.md``.

None counts messages or errors: a quiet night and a sale must both be silent, and a pipeline that stands must not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from schemas.topics import STAGES
from streams.settings import Settings

JOB = "cuepoint"
"""The Prometheus job under which the processes are scraped."""
WATERMARK_AGE_S_MAX = 300
MARKS_AGE_S_MAX = 129_600
"""A day and a half: of a source that comes in nightly files, one night is missing."""
QUARANTINE_SHARE_MAX = 0.05
SNAPSHOT_INTERVALS_MAX = 5
SNAPSHOT_AGE_S_MIN = 300.0
RESTARTS_MAX = 3

_AGE = "time() - min by (source) (cuepoint_complete_until_timestamp_seconds"

Severity = Literal["page", "ticket"]


@dataclass(frozen=True)
class Alert:
    """One alert. ``wait``: how long the expression has to hold, as Prometheus writes durations."""

    name: str
    expression: str
    wait: str
    severity: Severity
    summary: str


def alerts(settings: Settings) -> list[Alert]:
    """The alerts of a pipeline with these settings (partitions, sources by marks, interval of snapshots)."""
    return [*_processes(settings), *_ages(settings), *_progress()]


def rules(settings: Settings) -> str:
    """The rule file, YAML."""
    group = {"name": JOB, "rules": [_rule(alert) for alert in alerts(settings)]}
    return yaml.safe_dump({"groups": [group]}, sort_keys=False, width=120)


def _processes(settings: Settings) -> Iterator[Alert]:
    yield Alert("CuepointTargetDown", f'up{{job="{JOB}"}} == 0', "2m", "page", "{{ $labels.instance }} does not answer")
    stages = "|".join(STAGES)
    yield Alert(
        "CuepointPartitionsWithoutWorker",
        f'sum by (stage) (cuepoint_partitions_ready{{stage=~"{stages}"}}) < {settings.partitions}',
        "5m",
        "page",
        "{{ $value }} of " + str(settings.partitions) + " partitions of {{ $labels.stage }} are at work",
    )
    yield Alert(
        "CuepointStageGone",
        " or ".join(f'absent(cuepoint_partitions_ready{{stage="{stage}"}})' for stage in STAGES),
        "5m",
        "page",
        "no worker of {{ $labels.stage }} is seen",
    )
    yield Alert(
        "CuepointRestartsAgainAndAgain",
        f'changes(process_start_time_seconds{{job="{JOB}"}}[15m]) > {RESTARTS_MAX}',
        "0m",
        "page",
        "{{ $labels.instance }} does not stay up",
    )


def _ages(settings: Settings) -> Iterator[Alert]:
    by_marks = "|".join(settings.sources_by_marks)
    others = f', source!~"{by_marks}"' if by_marks else ""
    yield Alert(
        "CuepointWatermarkOld",
        f'{_AGE}{{stage="decide"{others}}}) > {WATERMARK_AGE_S_MAX}',
        "5m",
        "page",
        "{{ $labels.source }} is complete only until {{ $value | humanizeDuration }} ago: decisions wait",
    )
    if by_marks:
        yield Alert(
            "CuepointMarksOld",
            f'{_AGE}{{stage="decide", source=~"{by_marks}"}}) > {MARKS_AGE_S_MAX}',
            "10m",
            "ticket",
            "{{ $labels.source }} has not said for {{ $value | humanizeDuration }} that it is complete",
        )
    age = max(SNAPSHOT_AGE_S_MIN, SNAPSHOT_INTERVALS_MAX * settings.snapshot_interval_s)
    yield Alert(
        "CuepointSnapshotOld",
        f"time() - cuepoint_sink_snapshot_timestamp_seconds > {age:g}",
        "2m",
        "ticket",
        "analysts read figures of {{ $value | humanizeDuration }} ago",
    )


def _progress() -> Iterator[Alert]:
    yield Alert(
        "CuepointPartitionStands",
        "sum by (stage, partition) (increase(cuepoint_rounds_total[5m])) == 0 "
        "unless on (stage) max by (stage) (max_over_time(cuepoint_paused[5m])) == 1",
        "5m",
        "page",
        "partition {{ $labels.partition }} of {{ $labels.stage }} does no rounds, not even ticks",
    )
    yield Alert(
        "CuepointPaused",
        "max by (stage) (cuepoint_paused) == 1",
        "15m",
        "ticket",
        "somebody has paused {{ $labels.stage }}: nothing is decided",
    )
    yield Alert(
        "CuepointUpstreamMissing",
        "max by (stage, partition) (cuepoint_upstream_tasks_missing) > 0",
        "10m",
        "page",
        "the clock of partition {{ $labels.partition }} of {{ $labels.stage }} stands: tasks before it never reported",
    )
    yield Alert(
        "CuepointSinkStands",
        "sum(increase(cuepoint_sink_records_total[10m])) == 0 and sum(cuepoint_sink_lag_records) > 0",
        "5m",
        "ticket",
        "the sink writes nothing although there is something to write",
    )
    yield Alert(
        "CuepointFeedPoor",
        'sum by (source) (rate(cuepoint_events_total{fate="quarantined"}[15m])) / '
        f'sum by (source) (rate(cuepoint_events_total{{fate="received"}}[15m])) > {QUARANTINE_SHARE_MAX}',
        "15m",
        "ticket",
        "{{ $value | humanizePercentage }} of {{ $labels.source }} goes to quarantine",
    )


def _rule(alert: Alert) -> dict[str, Any]:
    annotations = {"summary": alert.summary, "runbook": f"docs/runbook.md#{alert.name.lower()}"}
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": annotations,
    }
