"""All stages and the sink at once on a complete backlog of input topics, exactly once, from the input to DuckDB."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.pipeline.decide import TIMEOUT_S, Run, topics
from benchmarks.pipeline.dry_run import input_log
from benchmarks.pipeline.logs import rows_of, write
from benchmarks.pipeline.mix import Line
from benchmarks.pipeline.processes import Process, Progress, scrape
from streams.backtest import end_of_run
from streams.campaigns import CampaignSet
from streams.settings import Settings
from streams.up import cpu_seconds

SINK_QUIET_S = 2.0
SINK_POLL_S = 0.2
STAGES = ("intake", "identity", "decide", "capacity")


def run_whole(
    settings: Settings, campaigns: CampaignSet, lines: Sequence[Line], broker_pid: int, *, profile: bool = False
) -> Run:
    """Write the input topics, then run everything until the last decision is in DuckDB. The topics are made and
    deleted here; ``seconds`` is from intake's first records to the sink's last transaction."""
    with topics(settings):
        write(settings, rows_of(input_log(settings, campaigns, lines)))
        end = end_of_run(lines[-1][1], None, None)
        with _running(settings, profile) as processes:
            run = _measure(settings, processes, len(lines), end, broker_pid)
        run.profiles = {process.name: process.profile for process in processes if process.profile}
        return run


@contextmanager
def _running(settings: Settings, profile: bool) -> Iterator[list[Process]]:
    """All processes; the sink first, so that its start is over when the stages begin."""
    processes = [Process(settings, "sink")]
    try:
        processes[0].wait_for_line("sink started")
        processes += [Process(settings, stage, profile=profile) for stage in STAGES]
        yield processes
    finally:
        for process in reversed(processes):
            process.stop()


def _measure(settings: Settings, processes: list[Process], records: int, end: int, broker_pid: int) -> Run:
    sink = processes[0]
    began_cpu = {"sink": sink.cpu_s, "broker": cpu_seconds(broker_pid)}
    with Progress(settings) as progress:
        spent = progress.follow(end, processes, TIMEOUT_S)
        decided_ms = progress.last_commit_ms
    written_ms = _sink_done(sink)
    spent |= {"sink": sink.cpu_s, "broker": cpu_seconds(broker_pid)}
    began_ms = []
    for process in processes[1:]:
        notes = process.notes
        assert notes is not None
        began_cpu[process.name] = notes["began_cpu_s"]
        began_ms.append(notes["began_ms"])
    cpu = {name: spent[name] - began for name, began in began_cpu.items()}
    rss = {process.name: process.rss_bytes for process in processes}
    return Run(records, (max(decided_ms, written_ms) - min(began_ms)) / 1000, cpu, rss)


def _sink_done(sink: Process) -> float:
    """When the sink wrote its last records, in milliseconds of the wall clock: its counters have stood still since."""
    port = sink.wait_for_line("sink started")["port"]
    written, changed = -1.0, time.time()
    while True:
        metrics = scrape(port)
        found = sum(value for name, value in metrics.items() if name.startswith("cuepoint_sink_records_total"))
        lag = sum(value for name, value in metrics.items() if name.startswith("cuepoint_sink_lag_records"))
        if found != written:
            written, changed = found, time.time()
        elif not lag and time.time() - changed > SINK_QUIET_S:
            return changed * 1000
        sink.check()
        time.sleep(SINK_POLL_S)
