"""``cuepoint monitoring``: alert rules and dashboards, made for these settings."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.grafana.dashboards import DASHBOARDS, dashboard
from deploy.prometheus.alerts import rules
from streams.cli_common import settings


@click.group()
def monitoring() -> None:
    """Write what Prometheus and Grafana need."""


@monitoring.command("rules")
def monitoring_rules() -> None:
    """Print the alert rules for these settings (partitions, sources_by_marks, snapshot_interval_s), as YAML."""
    click.echo(rules(settings()), nl=False)


@monitoring.command("dashboards")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def monitoring_dashboards(directory: Path) -> None:
    """Write the dashboards (pipeline, decisions, sink) as JSON files into DIRECTORY."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in DASHBOARDS:
        path = directory / f"{name}.json"
        path.write_text(dashboard(name), encoding="utf-8")
        click.echo(path)
