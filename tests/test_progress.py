"""Counts of a task: stored with it, and told to the metric once."""

from __future__ import annotations

from prometheus_client import REGISTRY

from streams.progress import Counts


def told(fate: str) -> float:
    """What the metric says."""
    return REGISTRY.get_sample_value("cuepoint_events_total", {"source": "counted", "fate": fate}) or 0


def test_each_event_is_told_to_the_metric_once() -> None:
    counts = Counts()
    counts.add("counted", "received")
    counts.add("counted", "received", 2)
    counts.add("counted", "ignored")
    before = told("received"), told("ignored")
    counts.report()
    counts.report()
    counts.add("counted", "received")
    counts.report()
    assert (told("received") - before[0], told("ignored") - before[1]) == (4, 1)
    assert counts.dump() == {"counted": {"received": 4, "ignored": 1}}


def test_what_another_worker_counted_is_not_told_again() -> None:
    counts = Counts()
    counts.load({"counted": {"received": 7}})
    counts.add("counted", "received")
    before = told("received")
    counts.report()
    assert told("received") - before == 1
    assert counts.by_source == {"counted": {"received": 8}}
