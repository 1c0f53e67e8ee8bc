"""A feed that sends a product every night: old versions leave memory and changelog alike, wherever a task dies."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import msgspec

from streams.campaigns import CampaignSet
from streams.decide.rules import VERSIONS_MAX
from streams.decide.task import RULE
from streams.settings import Settings
from tests.decide.memory_log import MemoryLog, Runner, input_log, make_task, run
from tests.oracle.builders import DAY, History, brand, campaign, t

SETTINGS = Settings(topic_prefix="memory", partitions=1)
NIGHTS = VERSIONS_MAX + 30
CAMPAIGNS = CampaignSet((campaign("price_drop", after="0s"),), (brand(),))


def nightly(directory: Path) -> MemoryLog:
    history = History()
    for night in range(NIGHTS):
        history.product(t("2026-03-01") + night * DAY, "p1", prices=[_price(night)])
        history.product(t("2026-03-01") + night * DAY, "p3", prices=[_price(night // 40)])
    history.product(t("2026-03-01"), "p2", prices=[_price(0)])
    lines = b"\n".join(msgspec.json.encode(record) for record in history.sources["catalog"])
    (directory / "catalog.jsonl").write_bytes(lines + b"\n")
    log = input_log(SETTINGS, CAMPAIGNS, directory)
    run(log, SETTINGS, [("intake", 0), ("identity", 0)], random.Random(1))
    return log


def _price(night: int) -> dict[str, str]:
    return {"market": "GB", "currency": "GBP", "amount": f"{10 + night}.00"}


def kept(runner: Runner, product: str) -> list[int]:
    """The times of the versions in the changelog."""
    names = [key.decode().split("|") for key in runner.table if key.startswith(RULE)]
    return sorted(int(name[-1]) for name in names if name[1] == "catalog.item" and name[3] == product)


def test_the_changelog_keeps_the_versions_that_memory_keeps(tmp_path: Path) -> None:
    log, chance = nightly(tmp_path), random.Random(2)
    runner = Runner("decide", 0, partial(make_task, "decide", 0, SETTINGS), log)
    idle = 0
    while idle < 3:
        idle = 0 if runner.round(chance, 20, 10, crash=chance.random() < 0.2) else idle + 1
    times = kept(runner, "p1")
    assert len(times) == VERSIONS_MAX
    assert times[-1] == t("2026-03-01") + (NIGHTS - 1) * DAY
    assert len(kept(runner, "p2")) == 1
    times = kept(runner, "p3")
    assert len(times) == VERSIONS_MAX
    assert {t("2026-03-01") + night * DAY for night in (0, 40, 80, NIGHTS - 1)} <= set(times), "each price's first"
