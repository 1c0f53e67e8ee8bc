"""The demo's steps: input, broker, stages, replay, sink, backtest, result; all of it is stopped at the end."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.base import from_ms
from streams.backtest import BacktestResult, Line, backtest_lines
from streams.campaigns import CampaignSet, known_brands, load_campaigns, records
from streams.cli_data import print_simulation
from streams.demo.broker import DemoBroker
from streams.errors import InputError
from streams.replay import control
from streams.replay.files import merged
from streams.replay.produce import Replay
from streams.settings import Settings
from streams.simulate import Simulation, simulate_from_online_retail, simulate_retailer
from streams.topics_admin import ensure_topics
from streams.up import Fleet, cpu_seconds, environment, last_words, peak_rss_mb, stage_arguments

SEED = 1
DEMO_SETTINGS = {"partitions": 2, "round_interval_ms": 250, "replay_ahead_ms": 30 * 86_400_000}
"""A replay wants throughput, not latency: fewer and larger transactions, and more of them under way."""
WATCH_S = 0.25
SHOW_EVERY_LINES = 2_000


@dataclass
class DemoRun:
    """What the demo found out on its way."""

    settings: Settings
    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss_mb: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    lines: int = 0
    backtest: BacktestResult = field(default_factory=BacktestResult)
    simulation: Simulation | None = None

    @contextmanager
    def step(self, name: str, spinner: bool = True) -> Iterator[None]:
        """Time a step and say that it is done. ``spinner``: show that something happens (the step shows nothing)."""
        began = time.monotonic()
        with self.console.status(name) if spinner else nullcontext():
            yield
        self.seconds[name] = round(time.monotonic() - began, 1)
        self.console.print(f"[green]done[/] {name} ({self.seconds[name]:.1f} s)")

    @property
    def events_per_second(self) -> float:
        """Lines of the replay by the time from the first line to the last decision."""
        return self.lines / self.seconds["replay"]


def run_demo(settings: Settings, data: Path | None, campaign_dir: Path, customers: int, days: int) -> DemoRun:
    """Run every step. Raises CuepointError with the cause and the way out."""
    directory = settings.state_dir / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    for old in (settings.duckdb_path, settings.duckdb_path.with_name(settings.duckdb_path.name + ".wal")):
        old.unlink(missing_ok=True)
    shutil.rmtree(settings.snapshot_dir, ignore_errors=True)
    demo = DemoRun(settings.model_copy(update={"state_dir": directory, **DEMO_SETTINGS}), Console())
    campaigns = load_campaigns(campaign_dir)
    with ExitStack() as stack:
        broker = DemoBroker(demo.settings, directory / "broker")
        stack.callback(broker.close)
        with demo.step("input"):
            demo.simulation = _input(demo, directory / "input", data, customers, days)
        with demo.step("broker and topics"):
            demo.settings = broker.ready()
            ensure_topics(demo.settings)
        _pipeline(demo, campaigns, directory / "input", broker.pid)
    with demo.step("backtest", spinner=False):
        demo.backtest = _backtest(demo, campaigns, directory / "input")
    return demo


def _input(demo: DemoRun, out_dir: Path, data: Path | None, customers: int, days: int) -> Simulation:
    if data is not None:
        demo.console.print(f"input: {data}, completed with synthetic sources")
        simulation = simulate_from_online_retail(data, out_dir, SEED)
    else:
        demo.console.print("input: no data set found, so all of it is synthetic (README: Data)")
        simulation = simulate_retailer(out_dir, customers, days, SEED)
    print_simulation(simulation, out_dir, demo.console)
    return simulation


def _pipeline(demo: DemoRun, campaigns: CampaignSet, directory: Path, broker_pid: int | None) -> None:
    arguments = {**stage_arguments(), "channel-email": ["channel", "run", "email", "--logical-clock"]}
    with Fleet(demo.settings, arguments, demo.console.print) as fleet:
        with demo.step("stages"):
            control.begin_replay(demo.settings, known_brands(campaigns), hand_over=True)
        with demo.step("replay", spinner=False):
            asyncio.run(_replay(demo, fleet, campaigns, directory))
        with demo.step("stop"):
            fleet.watch()
            fleet.stop()
        demo.peak_rss_mb = {child.name: round(child.peak_rss_mb) for child in fleet.children}
        demo.cpu_seconds = {child.name: round(child.cpu_seconds, 1) for child in fleet.children}
        if broker_pid is not None:
            demo.peak_rss_mb["broker"] = round(peak_rss_mb(broker_pid))
            demo.cpu_seconds["broker"] = round(cpu_seconds(broker_pid), 1)
    with demo.step("sink"):
        _drain_sink(demo.settings)


async def _replay(demo: DemoRun, fleet: Fleet, campaigns: CampaignSet, directory: Path) -> None:
    total = sum(demo.simulation.lines.values()) if demo.simulation else 0
    replay = Replay(demo.settings, demo.settings.replay_lateness)
    with _bars(demo.console) as bars:
        written = bars.add_task("lines written", total=total)

        def show(run: Replay) -> None:
            moment = from_ms(run.virtual_now or 0)
            bars.update(written, completed=run.lines, description=f"lines written, {moment:%Y-%m-%d}")

        watching = asyncio.create_task(_watch(fleet))
        lines = merged(directory)
        end = await replay.run(records(campaigns, 0, "demo"), lines, None, None, show)
        show(replay)
        bars.update(written, description="waiting for the last decision")
        await asyncio.to_thread(control.end_replay, demo.settings, from_ms(end))
        await asyncio.to_thread(control.wait_for_clocks, demo.settings, end, 600)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        bars.update(written, description="all decided")
    demo.lines = replay.lines


async def _watch(fleet: Fleet) -> None:
    while True:
        fleet.watch()
        await asyncio.sleep(WATCH_S)


def _drain_sink(settings: Settings) -> None:
    """Let the sink write what is left, and publish."""
    log = settings.state_dir / "log" / "sink-drain.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "streams.cli", "sink", "--drain"]
        code = subprocess.run(command, env=environment(settings), stdout=out, stderr=out, check=False).returncode
    if code:
        raise InputError(f"The sink ended with exit code {code}: {last_words(log)} ({log})")


def _backtest(demo: DemoRun, campaigns: CampaignSet, directory: Path) -> BacktestResult:
    with _bars(demo.console) as bars:
        task = bars.add_task("lines decided again, without Kafka", total=demo.lines)

        def lines() -> Iterator[Line]:
            for number, line in enumerate(merged(directory), 1):
                if number % SHOW_EVERY_LINES == 0:
                    bars.update(task, completed=number)
                yield line
            bars.update(task, completed=demo.lines)

        return backtest_lines(lines(), campaigns, demo.settings.replay_lateness)


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} of {task.total:,.0f}"))
    return Progress(*columns, TimeElapsedColumn(), console=console)
