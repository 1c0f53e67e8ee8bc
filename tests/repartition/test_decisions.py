"""A pipeline that was moved to other partitions in the middle of a history decides as if it had not been."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from schemas.topics import MARK_KEY
from streams.backtest import BacktestResult, backtest_lines
from streams.campaigns import CampaignSet, load_campaigns
from streams.decide.task import CUSTOMER, WATCHER
from streams.ordered import POSITION_KEY, Position
from streams.replay.files import merged
from streams.settings import Settings
from streams.simulate import simulate_retailer
from streams.wire import partition_of
from tests.capacity import test_pipeline as lists
from tests.decide import test_forwarding as merges
from tests.decide import test_product_news as news
from tests.e2e.kit import write_lines
from tests.e2e.retailer import BRAND, moment, small_campaigns
from tests.oracle.builders import LATENESS, History
from tests.repartition.kit import Broken, broken_run

SHIPPED = Path(__file__).parents[2] / "campaigns"
CATALOGUE_LINES = 300
Story = tuple[Path, CampaignSet, Settings]


def settings(lateness_ms: int | None = None) -> Settings:
    fixed = {} if lateness_ms is None else {"replay_lateness_ms": {}, "replay_lateness_ms_default": lateness_ms}
    return Settings(topic_prefix="memory", partitions=3, **fixed)


def shop(directory: Path) -> Story:
    """Simulated customers under the shipped campaigns, with the public profile."""
    simulate_retailer(directory, 60, 60, 3)
    catalogue = directory / "catalog.jsonl"
    catalogue.write_text("".join(catalogue.read_text().splitlines(keepends=True)[:CATALOGUE_LINES]))
    shipped = load_campaigns(SHIPPED)
    profiled = tuple(rules.model_copy(update={"profile": True}) for rules in shipped.brands)
    return directory, CampaignSet(shipped.campaigns, profiled), settings()


def families(directory: Path) -> Story:
    """CRM merges in chains, stars and circles, and events that go on to name the merged ids."""
    told = History()
    told.count = 70_000
    for number in range(16):
        merges.family(told, number, merges.ORDERS[number % len(merges.ORDERS)])
    told.profile(moment(30, 9), "last", brand=BRAND)
    return write_lines(directory, told.sources), small_campaigns(), settings()


def with_lists(directory: Path) -> Story:
    """Messages that wait for places on lists, of people who become others meanwhile."""
    told = lists.history(random.Random(5))
    return write_lines(directory, told.sources), CampaignSet(lists.CAMPAIGNS, (lists.RULES,)), settings(lists.LATENESS)


def with_news(directory: Path) -> Story:
    """Products that many want, and that change."""
    told = news.story()
    for records in told.sources.values():
        records.sort(key=lambda record: str(record["occurred_at"]))
    return write_lines(directory, told.sources), news.CAMPAIGNS, settings(max(LATENESS.values(), default=0))


STORIES: dict[str, Callable[[Path], Story]] = {
    "shop": shop,
    "families": families,
    "lists": with_lists,
    "news": with_news,
}


@pytest.fixture(scope="module", params=STORIES)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, BacktestResult]:
    story = STORIES[request.param](tmp_path_factory.mktemp(request.param))
    directory, campaigns, config = story
    return story, backtest_lines(merged(directory), campaigns, config.replay_lateness)


@pytest.mark.parametrize(
    ("share", "before", "after"), [(0.25, 3, 5), (0.9, 3, 5), (0.62, 4, 7), (0.95, 5, 2), (0.78, 1, 3)]
)
def test_the_decisions_are_those_of_the_backtest(
    told: tuple[Story, BacktestResult], share: float, before: int, after: int
) -> None:
    (directory, campaigns, config), expected = told
    chance = random.Random(int(share * 100))
    share += chance.uniform(-0.04, 0.04)
    run = broken_run(directory, campaigns, config.model_copy(update={"partitions": before}), after, chance, share)
    assert run.outcomes == expected.outcomes
    assert len(run.decisions) == len(expected.decisions)
    everyone_is_home(run)
    assert profiles(run) == expected.profiles


def everyone_is_home(run: Broken) -> None:
    """Every key of the new pipeline is where its partition says."""
    for (stage, number), table in run.new.tables.items():
        for key in table:
            if stage == "decide" and key.startswith(CUSTOMER):
                assert partition_of(key[len(CUSTOMER) :].decode(), run.new.partitions) == number
    for (topic, number), rows in run.new.log.records.items():
        if topic in ("customer-events", "identity-events"):
            keys = {row.key.decode() for row in rows if row.key and row.key not in (MARK_KEY, b"*")}
            assert all(partition_of(key, run.new.partitions) == number for key in keys)


def profiles(run: Broken) -> dict[str, object]:
    """What the topic of public profiles holds in the end."""
    found: dict[str, object] = {}
    for (topic, _), rows in run.new.log.records.items():
        for row in rows if topic == "customer-profile" else ():
            assert row.key is not None
            found.pop(row.key.decode(), None)
            if row.value is not None:
                found[row.key.decode()] = msgspec.json.decode(row.value)
    return found


def test_something_waits_and_somebody_is_forwarded_at_the_moves(tmp_path: Path) -> None:
    """The stories would prove nothing if moves met nothing."""
    directory, campaigns, config = families(tmp_path)
    run = broken_run(directory, campaigns, config, 5, random.Random(1), 0.9)
    assert len(run.rest.pointers) > 10
    assert max(height for heights in _heights(run) for height in heights.values()) > 0
    assert run.moved["customer-events"] > run.new.partitions, "events wait behind the beginning of the logs"


def _heights(run: Broken) -> list[dict[int, int]]:
    positions = [
        msgspec.msgpack.decode(run.new.tables["decide", number][POSITION_KEY], type=Position)
        for number in range(run.new.partitions)
    ]
    return [position.extra["forwards"] for position in positions if position.extra["forwards"]]


def test_the_index_of_interests_is_carried(tmp_path: Path) -> None:
    directory, campaigns, config = with_news(tmp_path)
    run = broken_run(directory, campaigns, config, 5, random.Random(2), 0.6)
    watched = [key for table in run.new.tables.values() for key in table if key.startswith(WATCHER)]
    assert watched
