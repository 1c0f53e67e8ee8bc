"""Runs in which disks fail: the sink's log is torn, state directories are lost, RocksDB's files are cut off."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random

from deploy.local.broker import LocalBroker
from schemas.topics import STAGES
from streams.settings import Settings
from tests.faults.figures import Figures, Kill, figures
from tests.faults.kit import WORKERS, Pipeline, fault_settings
from tests.faults.retailer import Retailer
from tests.faults.scenarios import Ground, scenario
from tests.faults.verdict import compare
from tests.oracle.builders import DAY

SEED = 3
DEATHS = 8


@dataclass
class Torn:
    """``torn``: how often there was a log to tear."""

    figures: Figures
    torn: int


def run_torn(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer, deaths: int) -> Torn:
    """The sink's write-ahead log ends anywhere, as after a power failure; the workers' state directories are gone."""
    random, torn, kills = Random(SEED), 0, []
    settings = fault_settings(broker, prefix, directory, snapshot_interval_s=3_600.0)
    span = (retailer.last_ms - retailer.first_ms) // (deaths + 1)
    with Pipeline(settings) as pipeline:
        with pipeline.feeding(retailer, allowed_ms=retailer.first_ms) as feed:
            for number in range(1, deaths + 1):
                moment = retailer.first_ms + number * span
                feed.allow(moment)
                pipeline.wait(lambda moment=moment: pipeline.slowest_clock() > moment - 4 * DAY, "progress")
                pipeline.wait(lambda: wal_bytes(settings.duckdb_path) > 0, "the sink writes")
                names = ["sink", *(f"{stage}-{random.randrange(WORKERS)}" for stage in STAGES)]
                kills += [Kill.of(pipeline[name]) for name in names]
                for name in names:
                    pipeline[name].kill(hold_down=True)
                torn += tear(settings.duckdb_path, random)
                lose_state(settings)
                for name in names:
                    pipeline[name].start()
        return Torn(figures(pipeline, retailer, kills), torn)


@dataclass
class Truncated:
    """``files``: how many were cut off; ``discarded``: stores that were made anew because of it."""

    figures: Figures
    files: int
    discarded: int


def run_truncated(broker: LocalBroker, prefix: str, directory: Path, retailer: Retailer, deaths: int) -> Truncated:
    """With RocksDB: all workers with a state die, and one file of each of their stores is cut off somewhere."""
    random, files, kills = Random(SEED), 0, []
    settings = fault_settings(broker, prefix, directory, state_store="rocksdb")
    span = (retailer.last_ms - retailer.first_ms) // (deaths + 1)
    with Pipeline(settings, sink=False) as pipeline:
        with pipeline.feeding(retailer, allowed_ms=retailer.first_ms) as feed:
            for number in range(1, deaths + 1):
                moment = retailer.first_ms + number * span
                feed.allow(moment)
                pipeline.wait(lambda moment=moment: pipeline.slowest_clock() > moment - 4 * DAY, "progress")
                workers = [*pipeline.of("identity"), *pipeline.of("decide")]
                kills += [Kill.of(worker) for worker in workers]
                for worker in workers:
                    worker.kill(hold_down=True)
                files += sum(truncate(store, random) for store in sorted((settings.state_dir / "store").iterdir()))
                for worker in workers:
                    worker.start()
        lines = [line for process in pipeline.processes.values() for line in process.lines(all_starts=True)]
        discarded = sum(1 for line in lines if line["message"].startswith("a local store was discarded"))
        verdict = compare(pipeline, retailer, sink=False)
        return Truncated(figures(pipeline, retailer, kills, verdict), files, discarded)


def truncate(store: Path, random: Random) -> bool:
    """Cut off one file of a store, but not the lock; False when all are empty."""
    found = [path for path in sorted(store.iterdir()) if path.name not in ("LOCK", "LOG") and path.stat().st_size]
    if found:
        path = random.choice(found)
        os.truncate(path, random.randrange(path.stat().st_size))
    return bool(found)


def log_of(path: Path) -> Path:
    """The write-ahead log beside a DuckDB file."""
    return path.with_name(f"{path.name}.wal")


def wal_bytes(path: Path) -> int:
    """Its size; 0 when there is none."""
    log = log_of(path)
    return log.stat().st_size if log.exists() else 0


def tear(path: Path, random: Random) -> bool:
    """Cut off the end of the write-ahead log, somewhere; False when there is none."""
    size = wal_bytes(path)
    if size:
        os.truncate(log_of(path), random.randrange(size))
    return size > 0


def lose_state(settings: Settings) -> None:
    """Everything that workers keep on disk, but for the logs of this test."""
    for path in settings.state_dir.iterdir():
        if path.name != "log":
            shutil.rmtree(path)


@scenario("disk")
def disk(ground: Ground) -> Figures:
    """Eight torn logs and lost state directories."""
    return run_torn(ground.broker, ground.prefix, ground.directory, ground.retailer, DEATHS).figures


@scenario("truncated-stores")
def truncated_stores(ground: Ground) -> Figures:
    """Files of RocksDB cut off, eight times over."""
    run = run_truncated(ground.broker, ground.prefix, ground.directory, ground.retailer, DEATHS)
    run.figures.notes.update(files_cut_off=run.files, stores_made_anew=run.discarded)
    return run.figures
