"""A broker that goes away and comes back, in good order or by kill -9: under load, in a restore, in a commit."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deploy.local.broker import LocalBroker
from streams.up import last_words
from tests.faults.broker_stage import WAIT_S, Counted, Source, Workers, is_stopped, judge, stage_settings
from tests.runtime.kit import make_counting_topics

Kind = Literal["clean", "hard"]
AWAY_S = 0.5
WORKERS = 2
RECORDS_MORE = 100
"""What has to be counted after a bounce before it counts as over."""


@dataclass
class BounceFigures:
    """What a run through bounces gave."""

    kinds: list[Kind] = field(default_factory=list)
    counting_after_s: list[float] = field(default_factory=list)
    """From the moment when the broker answers again until counting has gone on."""
    exits: Counter[int] = field(default_factory=Counter)
    """Exit codes of workers that ended on their own."""
    last_words: list[str] = field(default_factory=list)
    counted: Counted | None = None

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or wrong."""
        return self.counted is not None and self.counted.clean


def own_broker(directory: Path) -> LocalBroker:
    """A broker that may go away: the others go on with one of their own."""
    return LocalBroker(directory, short_lived=True, heap_mb=256, start_timeout_s=WAIT_S)


def bounce(broker: LocalBroker, kind: Kind, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Away, and back on the same port with the same files."""
    if kind == "clean":
        broker.stop()
    else:
        broker.kill()
    meanwhile()
    time.sleep(AWAY_S)
    broker.start()


def under_load(broker: LocalBroker, prefix: str, directory: Path, kinds: list[Kind]) -> BounceFigures:
    """A bounce for each kind while records come in and workers count; what ends is started again."""
    figures = BounceFigures(list(kinds))
    settings = stage_settings(broker.bootstrap_servers, prefix, directory)
    make_counting_topics(settings)
    with Workers(settings) as workers:
        with Source(settings):
            for number in range(WORKERS):
                workers.start(f"worker-{number}")
            workers.wait_ready()
            workers.wait_for_more(RECORDS_MORE)
            for kind in kinds:
                bounce(broker, kind)
                began = time.monotonic()
                workers.wait_for_more(RECORDS_MORE)
                figures.counting_after_s.append(round(time.monotonic() - began, 1))
        return _ended(workers, figures)


def while_it_stands(broker: LocalBroker, prefix: str, directory: Path, point: str, kind: Kind) -> BounceFigures:
    """The broker goes while a worker stands at a point (in a restore, inside a transaction, behind a commit whose
    answer it never gets), and comes back when the worker has gone on for a while without it."""
    figures = BounceFigures([kind])
    settings = stage_settings(broker.bootstrap_servers, prefix, directory)
    make_counting_topics(settings)
    with Workers(settings, static=True) as workers:
        with Source(settings):
            worker = workers.start("worker")
            workers.wait_for_more(RECORDS_MORE)
            worker.kill(hold_down=True)
            worker.start(TEST_STOP_AT=point)
            workers.wait(lambda: is_stopped(worker), f"it stands at {point}")
            bounce(broker, kind, worker.resume)
            began = time.monotonic()
            workers.wait_for_more(RECORDS_MORE)
            figures.counting_after_s.append(round(time.monotonic() - began, 1))
        return _ended(workers, figures)


def stop_while_away(broker: LocalBroker, prefix: str, directory: Path) -> tuple[int, float, str]:
    """SIGTERM inside a transaction whose broker is gone: exit code, seconds, last words. The broker stays down."""
    settings = stage_settings(broker.bootstrap_servers, prefix, directory)
    make_counting_topics(settings)
    with Workers(settings) as workers:
        with Source(settings):
            worker = workers.start("worker", TEST_STOP_AT="before_commit:20")
            workers.wait(lambda: is_stopped(worker), "it stands inside a transaction")
        broker.kill()
        began = time.monotonic()
        worker.resume()
        code = worker.stop(timeout_s=60)
    return code, time.monotonic() - began, last_words(worker.log)


def _ended(workers: Workers, figures: BounceFigures) -> BounceFigures:
    figures.counted = judge(workers)
    for restart in workers.restarts:
        found = re.match(r"\S+ ended with (-?\d+): (.*)", restart, re.DOTALL)
        assert found is not None
        figures.exits[int(found[1])] += 1
        figures.last_words.append(found[2])
    return figures
