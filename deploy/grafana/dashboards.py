"""Three dashboards as Grafana's JSON: the pipeline, what it decides, and the sink."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 12, 8, 2
SCHEMA_VERSION = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One panel: its queries with their legends, and the unit by Grafana's name."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    meaning: str = ""


def _rate(metric: str, by: str, extra: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{extra}[$__rate_interval]))"


def _quantile(metric: str, by: str, share: float) -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))"


def _rates(title: str, metric: str, *by: str, extra: str = "") -> Panel:
    """A panel of rates, each labelled by what it is summed by."""
    legend = " ".join("{{" + label + "}}" for label in by)
    return Panel(title, ((_rate(metric, ", ".join(by), extra), legend),), "ops")


PIPELINE = (
    Panel(
        "Watermark age by source",
        (
            (
                'time() - min by (source) (cuepoint_complete_until_timestamp_seconds{stage="decide"})',
                "{{source}}",
            ),
        ),
        "s",
        meaning="How far behind now the decisions are, by the source that holds them up.",
    ),
    Panel("Events by source", ((_rate("cuepoint_events_total", "source", '{fate="received"}'), "{{source}}"),), "eps"),
    Panel("Lag by stage", (("sum by (stage) (cuepoint_lag_records)", "{{stage}}"),)),
    Panel(
        "Transaction time",
        (
            (_quantile("cuepoint_transaction_seconds", "stage", 0.5), "{{stage}} half"),
            (_quantile("cuepoint_transaction_seconds", "stage", 0.99), "{{stage}} 99 %"),
        ),
        "s",
    ),
    Panel(
        "Partitions at work",
        (
            ("sum by (stage) (cuepoint_partitions_ready)", "{{stage}} ready"),
            ("sum by (stage) (cuepoint_partitions_assigned)", "{{stage}} assigned"),
        ),
    ),
    Panel("Rounds", ((_rate("cuepoint_rounds_total", "stage"), "{{stage}}"),), "ops"),
    Panel("Events waiting for the clock", (("sum by (stage) (cuepoint_waiting_events)", "{{stage}}"),)),
    Panel(
        "State",
        (("sum by (stage) (cuepoint_state_bytes)", "{{stage}}"),),
        "bytes",
        meaning="Encoded size of the tables; of files where RocksDB holds them.",
    ),
    Panel("Transactions given up", ((_rate("cuepoint_transactions_aborted_total", "stage"), "{{stage}}"),), "ops"),
    Panel("Rebalances", (("sum by (stage) (increase(cuepoint_rebalances_total[5m]))", "{{stage}}"),)),
)
DECISIONS = (
    _rates("Decisions by outcome", "cuepoint_decisions_total", "outcome"),
    _rates("Sent by campaign", "cuepoint_decisions_total", "campaign", extra='{outcome="sent"}'),
    _rates("Why not", "cuepoint_decisions_total", "outcome", "reason", extra='{outcome!="sent"}'),
    Panel("Customers", (("sum(cuepoint_customers)", "customers"),), kind="stat"),
    Panel("Customers with a timer", (("sum(cuepoint_timers)", "customers"),), kind="stat"),
    _rates("Quarantine", "cuepoint_quarantined_total", "source", "reason"),
    _rates("Fields outside the contract", "cuepoint_unknown_fields_total", "source", "field"),
    _rates("Triggers by what became of them", "cuepoint_channel_triggers_total", "channel", "result"),
)
SINK = (
    Panel("Age of the newest snapshot", (("time() - cuepoint_sink_snapshot_timestamp_seconds", "age"),), "s", "stat"),
    _rates("Records written", "cuepoint_sink_records_total", "topic"),
    Panel("Lag", (("sum by (topic) (cuepoint_sink_lag_records)", "{{topic}}"),)),
    Panel("Time of a batch", ((_quantile("cuepoint_sink_batch_seconds", "job", 0.99), "99 %"),), "s"),
    Panel("Time to publish", ((_quantile("cuepoint_sink_snapshot_seconds", "job", 0.99), "99 %"),), "s"),
    Panel("Size of the newest snapshot", (("cuepoint_sink_snapshot_bytes", "size"),), "bytes"),
    _rates("Records in no table", "cuepoint_sink_records_skipped_total", "topic", "reason"),
)
DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "pipeline": ("Cuepoint: pipeline", PIPELINE),
    "decisions": ("Cuepoint: decisions", DECISIONS),
    "sink": ("Cuepoint: sink", SINK),
}


def dashboard(name: str) -> str:
    """A dashboard as JSON that Grafana imports or provisions; it asks which Prometheus to use."""
    title, panels = DASHBOARDS[name]
    variable = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    content = {
        "uid": f"cuepoint-{name}",
        "title": title,
        "tags": ["cuepoint"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [variable]},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }
    return json.dumps(content, indent=2) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    place = {"x": column * PANEL_WIDTH, "y": row * PANEL_HEIGHT, "w": PANEL_WIDTH, "h": PANEL_HEIGHT}
    targets = [
        {"refId": chr(ord("A") + index), "expr": expression, "legendFormat": legend, "datasource": _SOURCE}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "gridPos": place,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    }
