"""``cuepoint up, worker, sink, replay, go-live, backtest``: run the pipeline."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
import msgspec
from rich.console import Console

from schemas.base import from_ms, to_ms
from schemas.topics import STAGES
from streams.backtest import backtest_lines
from streams.campaigns import known_brands, load_campaigns, records
from streams.cli_common import settings
from streams.cli_what_if import ATTRIBUTION, PAGE, check_place, compare_sets
from streams.erasure import hasher
from streams.errors import InputError
from streams.replay import control
from streams.replay.files import merged, source_files
from streams.replay.left_out import LeftOut, erased_names
from streams.replay.produce import Replay
from streams.report import print_backtest
from streams.settings import Settings
from streams.stages import task_factory
from streams.topics_admin import check_topics
from streams.up import POLL_S, Fleet, stage_arguments
from streams.what_if.history import Input

CAMPAIGNS = click.option(
    "--campaigns",
    "campaign_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("campaigns"),
    show_default=True,
    help="Directory of campaign and brand files.",
)
UNTIL = click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="End of the run, UTC (exclusive).")
AS_IS = click.option("--as-is", is_flag=True, help="Keep file order; lines arrive at their occurred_at.")

ERASED_IN = click.option(
    "--erased-in",
    metavar="PREFIX",
    multiple=True,
    help="Leave out who was erased in this (earlier) topic prefix; may be given several times.",
)


@click.command()
@click.argument("stage", type=click.Choice(sorted(STAGES)))
def worker(stage: str) -> None:
    """Run one worker of STAGE until it is asked to stop."""
    from streams.runtime.worker import run_worker

    config = settings()
    sys.exit(run_worker(stage, config, task_factory(stage, config)))


@click.command()
@click.option("--drain", is_flag=True, help="Stop once all that is on the topics now is written and published.")
@click.option(
    "--parquet",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write partitioned Parquet files there instead (docs/beyond-one-file.md).",
)
def sink(drain: bool, parquet: Path | None) -> None:
    """Run the DuckDB sink until it is asked to stop."""
    from sinks.app import run_sink

    sys.exit(run_sink(settings(), drain=drain, parquet=parquet))


@click.command()
@click.option("--workers", default=1, show_default=True, help="Workers of the decide stage.")
def up(workers: int) -> None:
    """Run all stages and the sink on this machine until Ctrl-C."""
    config, console = settings(), Console(stderr=True)
    check_topics(config)
    stopping = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with Fleet(config, stage_arguments({"decide": workers}), console.print) as fleet:
        names = ", ".join(child.name for child in fleet.children)
        console.print(f"running: {names}; logs in {config.state_dir / 'log'}; Ctrl-C stops them")
        if control.read_control(config).get("mode") is None:
            console.print("nothing is decided yet: begin with 'cuepoint replay DIR' or 'cuepoint go-live'")
        while not stopping:
            fleet.watch()
            time.sleep(POLL_S)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@CAMPAIGNS
@UNTIL
@AS_IS
@ERASED_IN
@click.option("--hand-over", is_flag=True, help="Hand decisions over to the channels although it is a replay.")
@click.option("--wait/--no-wait", default=True, help="Wait until every decision is made.")
def replay(
    directory: Path,
    campaign_dir: Path,
    until: datetime | None,
    as_is: bool,
    erased_in: tuple[str, ...],
    hand_over: bool,
    wait: bool,
) -> None:
    """Replay the files of DIRECTORY in virtual time; the stages must be running (cuepoint up)."""
    config, console = settings(), Console(stderr=True)
    content = load_campaigns(campaign_dir)
    source_files(directory)
    check_topics(config)
    left_out = _left_out(config, erased_in)
    control.begin_replay(config, known_brands(content), hand_over)
    run = Replay(config, config.replay_lateness)
    began = time.monotonic()
    with console.status("replaying") as status:
        end = asyncio.run(
            run.run(
                records(content, 0, "replay"),
                left_out.without(merged(directory, as_is)),
                _until(until),
                to_ms(control.now()),
                lambda r: status.update(f"replaying: {r.lines:,} lines, {from_ms(r.virtual_now or 0):%Y-%m-%d}"),
            )
        )
        control.end_replay(config, from_ms(end))
        if wait:
            status.update("waiting for the last decision")
            control.wait_for_clocks(config, end, wait_s=600)
    seconds = time.monotonic() - began
    console.print(f"{run.lines:,} lines in {seconds:.1f} s ({run.lines / seconds:,.0f} a second), until {from_ms(end)}")
    _tell_left_out(left_out, console)


@click.command("go-live")
@click.option("--wait-s", default=60.0, show_default=True, help="Seconds to wait for the end of a replay.")
def go_live(wait_s: float) -> None:
    """End the replay (if there was one) and go on with live sources."""
    moment = control.go_live(settings(), wait_s)
    click.echo(f"live since {moment.isoformat()}; what came due before is not sent")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@CAMPAIGNS
@click.option(
    "--against",
    type=click.Path(path_type=Path, file_okay=False),
    help="A second directory of campaign and brand files: decide with it too, and show what differs.",
)
@UNTIL
@AS_IS
@ERASED_IN
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every decision here, JSON lines; with --against the difference, a DuckDB file.",
)
@PAGE
@ATTRIBUTION
def backtest(
    directory: Path,
    campaign_dir: Path,
    against: Path | None,
    until: datetime | None,
    as_is: bool,
    erased_in: tuple[str, ...],
    out: Path | None,
    page: Path | None,
    attribution_days: int,
) -> None:
    """Decide over the files of DIRECTORY without Kafka; the same decisions as a replay."""
    config = settings()
    content = load_campaigns(campaign_dir)
    for path, option in ((out, "--out"), (page, "--page")):
        check_place(path, option)
    if against is not None:
        if erased_in:
            raise InputError("--erased-in and --against do not go together; leave one of them out.")
        source = Input(directory, as_is, _until(until), to_ms(control.now()))
        compare_sets(source, (campaign_dir, content), (against, load_campaigns(against)), out, page, attribution_days)
        return
    if page is not None:
        raise InputError("--page shows what differs between two sets; name the second one with --against.")
    began = time.monotonic()
    left_out = _left_out(config, erased_in)
    lines = left_out.without(merged(directory, as_is))
    result = backtest_lines(lines, content, config.replay_lateness, _until(until), to_ms(control.now()))
    if out is not None:
        rows = b"\n".join(msgspec.json.encode(decision) for decision in result.decisions)
        partial = out.with_name(out.name + ".partial")
        partial.write_bytes(rows + b"\n")
        os.replace(partial, out)
    print_backtest(result, time.monotonic() - began)
    _tell_left_out(left_out, Console(stderr=True))


def _left_out(config: Settings, prefixes: tuple[str, ...]) -> LeftOut:
    """Who was erased in any of these topic prefixes."""
    erased: dict[str, int] = {}
    for prefix in prefixes:
        for name, at in erased_names(config, prefix).items():
            erased[name] = max(at, erased.get(name, at))
    return LeftOut(erased, hasher(config.hash_key))


def _tell_left_out(left_out: LeftOut, console: Console) -> None:
    if left_out.lines:
        console.print(f"{left_out.lines:,} lines of erased customers were left out")


def _until(until: datetime | None) -> int | None:
    return None if until is None else to_ms(until.replace(tzinfo=UTC))
