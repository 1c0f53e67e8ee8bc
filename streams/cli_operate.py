"""``cuepoint top`` and ``cuepoint doctor``: look at a pipeline from outside."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from schemas.base import rfc3339, to_ms
from streams.cli_common import settings
from streams.operate.doctor import examine
from streams.operate.look import View, look
from streams.replay.control import now
from streams.text_table import text_table
from streams.tools import consumer
from streams.topics_admin import administering

EXIT_UNWELL = 1


@click.command()
@click.option("--once", is_flag=True, help="Print one look and end: for scripts.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object.")
@click.option("--every", type=click.FloatRange(min=0.5), default=2.0, show_default=True, help="Seconds between looks.")
def top(once: bool, as_json: bool, every: float) -> None:
    """Show the pipeline live: stages, lag, watermark age by source, decisions a second by outcome, quarantine."""
    config = settings()
    with consumer(config) as client, administering(config) as admin:
        view = look(client, admin, config, to_ms(now()))
        if once or as_json:
            click.echo(_json(view) if as_json else "\n".join(_lines(view)))
            return
        with Live(console=Console(), screen=True, auto_refresh=False) as live:
            while True:
                live.update(Text("\n".join([*_lines(view), "", "Ctrl-C ends it"])), refresh=True)
                time.sleep(every)
                view = look(client, admin, config, to_ms(now()))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
def doctor(as_json: bool) -> None:
    """Check security, versions, disk, broker, topics, clock, stages and campaigns; say what to do.

    Exit code 0: nothing is wrong, though there may be warnings; 1: something is.
    """
    unwell = False
    for finding in examine(settings()):
        unwell = unwell or finding.verdict == "fail"
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            advice = f"  -> {finding.advice}" if finding.advice else ""
            click.echo(f"{finding.verdict:<4}  {finding.area:<9}  {finding.text}{advice}")
    sys.exit(EXIT_UNWELL if unwell else 0)


def _lines(view: View) -> Iterator[str]:
    yield f"cuepoint at {rfc3339(view.at_ms)}"
    for stop in view.stops:
        yield f"PAUSED: {stop.words} since {stop.since}, by {stop.by} {stop.reason}".rstrip()
    yield ""
    columns = ("stage", "tasks", "lag", "clock age", "waiting", "customers", "timers", "never reported")
    yield text_table(
        columns,
        (
            (
                stage.stage,
                str(stage.reported),
                f"{stage.lag:,}",
                age(stage.clock_age_s),
                f"{stage.waiting:,}",
                f"{stage.customers:,}",
                f"{stage.timers:,}",
                ", ".join(stage.missing),
            )
            for stage in view.stages
        ),
    )
    yield ""
    sources = ((source, "complete" if s is None else age(s)) for source, s in view.watermark_age_s.items())
    yield text_table(("source", "watermark age"), sources)
    yield ""
    rates = ((outcome, f"{rate:.1f}") for outcome, rate in view.decisions_per_s.items())
    yield text_table(("outcome", "decisions a second"), rates)
    yield ""
    refused = ((topic, reason, f"{count:,}") for (topic, reason), count in view.quarantined.items())
    yield text_table(("quarantine of", "reason", "in the last hour"), refused)


def age(seconds: float | None) -> str:
    """``4.2 s``, ``3.5 min``, ``2.0 h``, ``5.1 d``."""
    if seconds is None:
        return "none"
    for limit, divisor, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if abs(seconds) < limit:
            return f"{seconds / divisor:.1f} {unit}"
    return f"{seconds / 86_400:.1f} d"


def _json(view: View) -> str:
    quarantined = [
        {"topic": topic, "reason": reason, "count": count} for (topic, reason), count in view.quarantined.items()
    ]
    return json.dumps({**asdict(view), "quarantined": quarantined})
