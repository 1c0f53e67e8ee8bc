"""Publishing to a real broker: only what differs, with a history that rollback goes back in."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.topics import MARK_KEY
from streams.campaign_store import history, published
from streams.cli import main
from streams.errors import CampaignError, InputError
from streams.replay.control import now, read_control
from streams.settings import Settings
from streams.tools import producer
from streams.topics_admin import ensure_topics
from tests.test_campaigns import BRAND, CART

TOPICS = ("campaigns", "campaign-history", "control")


@pytest.fixture
def shop(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a brand and a campaign, and the topics that publishing needs."""
    for name in [name for name in os.environ if name.startswith("CUEPOINT_")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("BOOTSTRAP_SERVERS", settings.bootstrap_servers),
        ("TOPIC_PREFIX", settings.topic_prefix),
        ("PARTITIONS", str(settings.partitions)),
    ):
        monkeypatch.setenv(f"CUEPOINT_{name}", value)
    ensure_topics(settings, TOPICS)
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "brand.yaml").write_text(BRAND)
    (folder / "cart.yaml").write_text(CART)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["campaigns", *map(str, arguments)])


def succeed(*arguments: object) -> list[str]:
    """The lines that a command prints."""
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def test_a_dry_run_says_what_would_change_and_changes_nothing(settings: Settings, shop: Path) -> None:
    lines = succeed("publish", shop, "--dry-run")
    assert lines[:2] == ["+ brand shop added", "+ campaign cart added"]
    assert lines[2].startswith("Dry run: 2 records would be published, in force from ")
    assert history(settings) == []
    assert published(settings).campaigns == ()
    assert "brands" not in read_control(settings)


def test_only_what_differs_is_published_and_every_version_stays_in_the_history(settings: Settings, shop: Path) -> None:
    assert succeed("publish", shop)[-1].startswith("2 records published to ")
    assert succeed("publish", shop)[-1].startswith("0 records published to ")
    (shop / "cart.yaml").write_text(CART.replace("24h", "25h"))
    assert succeed("diff", shop) == ["~ campaign cart changed", "    valid_for: 86400000 -> 90000000", "1 differences."]
    assert succeed("publish", shop)[-1].startswith("1 records published to ")
    assert succeed("diff", shop) == ["0 differences."]

    rows = [json.loads(line) for line in succeed("history", "cart", "--json")]
    assert [row["campaign"]["valid_for"] for row in rows] == [86_400_000, 90_000_000]
    assert all(row["published_by"] and row["published_at"] for row in rows)
    table = succeed("history")
    assert [line.split()[2:4] for line in table[1:]] == [
        ["brand.published", "shop"],
        ["campaign.published", "cart"],
        ["campaign.published", "cart"],
    ]
    assert succeed("calendar")[1].split()[:4] == ["always", "always", "running", "cart"]


def test_rollback_publishes_the_version_before(settings: Settings, shop: Path) -> None:
    succeed("publish", shop)
    assert run("rollback", "cart").exit_code == CampaignError.exit_code
    (shop / "cart.yaml").write_text(CART.replace("24h", "25h"))
    succeed("publish", shop)
    assert succeed("rollback", "cart", "--dry-run")[-1].startswith("Dry run: version ")
    assert published(settings).campaigns[0].valid_for == 90_000_000
    assert succeed("rollback", "cart")[1] == "    valid_for: 90000000 -> 86400000"
    assert published(settings).campaigns[0].valid_for == 86_400_000
    assert len(history(settings, "cart")) == 3
    assert len(published(settings).brands) == 1


def test_a_campaign_that_the_folder_lacks_is_withdrawn_only_when_asked_and_comes_back(
    settings: Settings, shop: Path
) -> None:
    succeed("publish", shop)
    (shop / "cart.yaml").rename(shop / "welcome.yaml")
    (shop / "welcome.yaml").write_text(
        CART.replace("id: cart", "id: welcome").replace("cart_abandoned", "welcome").split("options:")[0]
    )
    lines = succeed("publish", shop)
    assert "Only published, and left so: cart; --prune withdraws them." in lines
    assert [campaign.id for campaign in published(settings).campaigns] == ["cart", "welcome"]
    assert "- campaign cart removed" in succeed("publish", shop, "--prune")
    assert [campaign.id for campaign in published(settings).campaigns] == ["welcome"]
    succeed("rollback", "cart")
    assert [campaign.id for campaign in published(settings).campaigns] == ["cart", "welcome"]


def test_a_publication_may_take_effect_later_but_at_most_a_year(settings: Settings, shop: Path) -> None:
    soon = (now() + timedelta(hours=2)).replace(microsecond=0)
    stamp = f"{soon:%Y-%m-%dT%H:%M:%S}"
    assert succeed("publish", shop, "--effective-at", stamp)[-1].endswith(f"in force from {stamp}.000Z.")
    assert {record.occurred_at for record in history(settings)} == {soon}
    for moment, sentence in (
        (now() - timedelta(hours=1), "is past"),
        (now() + timedelta(days=367), "more than 366 days"),
    ):
        result = run("publish", shop, "--effective-at", f"{moment:%Y-%m-%dT%H:%M:%S}")
        assert (result.exit_code, sentence in result.stderr) == (InputError.exit_code, True)


def test_marks_of_a_replay_are_passed_over_and_a_foreign_record_is_named(settings: Settings, shop: Path) -> None:
    succeed("publish", shop)
    with producer(settings) as client:
        client.send(settings.topic("campaigns"), b"{}", key=MARK_KEY, partition=0)
    assert [campaign.id for campaign in published(settings).campaigns] == ["cart"]
    with producer(settings) as client:
        client.send(settings.topic("campaigns"), b'{"type": "campaign.published"}', key=b"shop:odd", partition=0)
    with pytest.raises(CampaignError, match="record 'shop:odd' on campaigns cannot be read by this release"):
        published(settings)
