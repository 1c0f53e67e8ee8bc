"""Alerts fire for what they are for and are silent otherwise; dashboards ask for metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.dashboards import DASHBOARDS, dashboard
from deploy.prometheus.alerts import alerts, rules
from schemas.topics import INPUTS, STAGES
from streams.docs.reference import declared_metrics
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(partitions=2, sources_by_marks=["pos-transactions"])
MINUTES = 60
STEADY = f"0+60x{MINUTES}"
"""A counter, or a moment, that advances by a minute each minute."""
STANDS = f"600x{MINUTES}"
_MARK = 'cuepoint_complete_until_timestamp_seconds{stage="decide",partition="0",source="%s"}'
_READY = 'cuepoint_partitions_ready{stage="%s",instance="%s"}'
_ALL_READY = {_READY % (stage, "a"): f"2x{MINUTES}" for stage in STAGES}
_PAUSED = 'cuepoint_paused{stage="decide"}'
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "CuepointTargetDown": (
        {'up{job="cuepoint",instance="a"}': f"0x{MINUTES}"},
        {'up{job="cuepoint",instance="a"}': f"1x{MINUTES}", 'up{job="another",instance="a"}': f"0x{MINUTES}"},
    ),
    "CuepointPartitionsWithoutWorker": (
        {**_ALL_READY, _READY % ("decide", "a"): f"1x{MINUTES}"},
        {**_ALL_READY, _READY % ("decide", "a"): f"1x{MINUTES}", _READY % ("decide", "b"): f"1x{MINUTES}"},
    ),
    "CuepointStageGone": ({k: v for k, v in _ALL_READY.items() if "identity" not in k}, _ALL_READY),
    "CuepointRestartsAgainAndAgain": (
        {'process_start_time_seconds{job="cuepoint",instance="a"}': STEADY},
        {'process_start_time_seconds{job="cuepoint",instance="a"}': f"100x20 1000x{MINUTES}"},
    ),
    "CuepointWatermarkOld": (
        {_MARK % "orders": STANDS},
        {_MARK % "orders": STEADY, _MARK % "pos-transactions": STANDS},
    ),
    "CuepointMarksOld": (
        {_MARK % "pos-transactions": f"-200000x{MINUTES}"},
        {_MARK % "pos-transactions": STANDS, _MARK % "orders": f"-200000x{MINUTES}"},
    ),
    "CuepointSnapshotOld": (
        {"cuepoint_sink_snapshot_timestamp_seconds": STANDS},
        {"cuepoint_sink_snapshot_timestamp_seconds": STEADY},
    ),
    "CuepointPartitionStands": (
        {'cuepoint_rounds_total{stage="decide",partition="1"}': STANDS, _PAUSED: f"0x{MINUTES}"},
        {
            'cuepoint_rounds_total{stage="decide",partition="1"}': STANDS,
            'cuepoint_rounds_total{stage="intake",partition="1"}': f"0+1x{MINUTES}",
            _PAUSED: f"1x{MINUTES}",
        },
    ),
    "CuepointPaused": ({_PAUSED: f"1x{MINUTES}"}, {_PAUSED: f"0x20 1x5 0x{MINUTES}"}),
    "CuepointUpstreamMissing": (
        {'cuepoint_upstream_tasks_missing{stage="decide",partition="1"}': f"1x{MINUTES}"},
        {'cuepoint_upstream_tasks_missing{stage="decide",partition="1"}': f"1x3 0x{MINUTES}"},
    ),
    "CuepointSinkStands": (
        {'cuepoint_sink_records_total{topic="decisions"}': STANDS, "cuepoint_sink_lag_records": f"7x{MINUTES}"},
        {'cuepoint_sink_records_total{topic="decisions"}': STANDS, "cuepoint_sink_lag_records": f"0x{MINUTES}"},
    ),
    "CuepointFeedPoor": (
        {
            'cuepoint_events_total{source="orders",fate="received"}': f"0+100x{MINUTES}",
            'cuepoint_events_total{source="orders",fate="quarantined"}': f"0+20x{MINUTES}",
        },
        {
            'cuepoint_events_total{source="orders",fate="received"}': f"0+100x{MINUTES}",
            'cuepoint_events_total{source="orders",fate="quarantined"}': f"0+2x{MINUTES}",
        },
    ),
}
"""Alert -> the series for which it fires, and those for which it is silent."""


def test_every_alert_has_series_for_which_it_fires_and_is_silent() -> None:
    assert set(CASES) == {alert.name for alert in alerts(SETTINGS)}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="NOT RUN: promtool (Debian: prometheus) is not on PATH")
def test_alerts_fire_for_what_they_are_for_and_are_silent_otherwise(tmp_path: Path) -> None:
    firing, silent = _groups(True), _groups(False)
    done = _promtool(tmp_path, [*firing, *silent])
    assert done.returncode == 0, done.stdout + done.stderr
    swapped = [{**one, "input_series": other["input_series"]} for one, other in zip(firing, silent, strict=True)]
    failed = _promtool(tmp_path, swapped)  # what must fail: the silent series where a firing alert is expected
    assert failed.returncode != 0
    assert [name for name in CASES if name not in failed.stdout + failed.stderr] == []


def test_the_files_are_what_the_default_settings_give() -> None:
    assert (ROOT / "deploy/prometheus/rules.yaml").read_text() == rules(Settings()), "cuepoint monitoring rules"
    for name in DASHBOARDS:
        assert (ROOT / f"deploy/grafana/{name}.json").read_text() == dashboard(name), "cuepoint monitoring dashboards"


def test_every_alert_has_a_section_in_the_runbook_and_nothing_else_has() -> None:
    sections = re.findall("^## (Cuepoint.*)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert sections == [alert.name for alert in alerts(SETTINGS)]


def test_expressions_name_metrics_and_labels_that_exist() -> None:
    for alert in alerts(SETTINGS):
        _check(alert.expression)
    for name in DASHBOARDS:
        for panel in json.loads(dashboard(name))["panels"]:
            for target in panel["targets"]:
                _check(target["expr"])
                assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= _labels(target["expr"])


@pytest.mark.parametrize(
    "wrong", ["rate(cuepoint_decisions[1m])", "cuepoint_customers_total", "sum by (topic) (cuepoint_customers)"]
)
def test_an_expression_about_what_does_not_exist_is_noticed(wrong: str) -> None:
    with pytest.raises(AssertionError):
        _check(wrong)


def test_sources_and_stages_of_expressions_exist() -> None:
    text = " ".join(alert.expression for alert in alerts(SETTINGS))
    assert set(re.findall(r'stage=~?"([^"]+)"', text)) <= {*STAGES, "|".join(STAGES)}
    assert set(re.findall(r'source[!=]~"([^"]+)"', text)) <= {topic.name for topic in INPUTS}


def _groups(firing: bool) -> list[dict[str, Any]]:
    """promtool's tests: at minute 45, which alerts are there."""
    found = []
    for name, (fires, silent) in CASES.items():
        series = [{"series": key, "values": values} for key, values in (fires if firing else silent).items()]
        # The number of alerts, whatever their labels and words.
        query = f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)'
        samples = [{"value": 1 if firing else 0, "labels": "{}"}]
        found.append(
            {
                "name": f"{name} {'fires' if firing else 'is silent'}",
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [{"expr": query, "eval_time": "45m", "exp_samples": samples}],
            }
        )
    return found


def _promtool(directory: Path, groups: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    (directory / "rules.yaml").write_text(rules(SETTINGS))
    (directory / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": groups})
    )
    return subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=directory, capture_output=True, text=True, check=False
    )


@cache
def _known() -> dict[str, set[str]]:
    """Name as Prometheus stores it -> its labels."""
    known: dict[str, set[str]] = {}
    for metric in declared_metrics():
        described = next(iter(metric.describe()))
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(described.type, ("",))
        for suffix in suffixes:
            extra = {"le"} if suffix == "_bucket" else set()
            known[described.name + suffix] = set(metric._labelnames) | extra
    return known


def _labels(expression: str) -> set[str]:
    """Labels by which it sums, and labels that it selects by."""
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
    return grouped | set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', expression))


def _check(expression: str) -> None:
    known = _known()
    names = set(re.findall(r"cuepoint_\w+", expression))
    assert names <= set(known), expression
    if names:
        allowed = set.union(*(known[name] for name in names)) | {"job", "instance"}
        assert _labels(expression) <= allowed, expression


def test_a_metric_is_known_by_the_name_that_is_scraped() -> None:
    assert any(isinstance(metric, Counter) for metric in declared_metrics())
    assert all(isinstance(metric, MetricWrapperBase) for metric in declared_metrics())
    assert "cuepoint_decisions_total" in _known()
