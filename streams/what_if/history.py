"""Two sets of campaigns over one history: two backtests at the same time, the second in a process of its own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from streams.backtest import Backtest, end_of_run
from streams.campaigns import CampaignSet
from streams.decide.partition import Partition
from streams.replay.files import merged
from streams.replay.memory import cycle_collection_paused
from streams.settings import Settings
from streams.what_if.compare import Difference, compare
from streams.what_if.decided import Decided, decided
from streams.what_if.facts import Facts, facts_of


@dataclass(frozen=True)
class Input:
    """What both runs read, and until when they decide; see ``streams.backtest``."""

    directory: Path
    as_is: bool
    until: int | None
    latest_end: int


def what_if(
    source: Input, before: CampaignSet, after: CampaignSet, settings: Settings, attribution_days: int
) -> Difference:
    """What the second set decides otherwise than the first.

    Each run reads the files for itself, so that two cores take as long as one backtest does. Raises InputError when a
    file cannot be read.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        second = pool.submit(_decided, source, after, settings)
        found, facts = _run(source, before, settings)
        return compare(found, second.result(), facts, attribution_days)


def _decided(source: Input, campaigns: CampaignSet, settings: Settings) -> dict[str, Decided]:
    return _run(source, campaigns, settings, with_facts=False)[0]


def _run(
    source: Input, campaigns: CampaignSet, settings: Settings, with_facts: bool = True
) -> tuple[dict[str, Decided], Facts]:
    partition = Partition(lambda _: None, lambda _: iter(()))
    run = Backtest(campaigns, settings.replay_lateness, source.until, source.latest_end, partition)
    arrived = 0
    with cycle_collection_paused():
        for name, arrived, value in merged(source.directory, source.as_is):
            run.feed(name, arrived, value)
        found = decided(run.finish().decisions)
        if not with_facts:
            return found, Facts()
        end = end_of_run(arrived, source.until, source.latest_end)
        return found, facts_of(partition.states.live.values(), partition.rules, end)
