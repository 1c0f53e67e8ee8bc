"""What differs between two sets of campaigns, and what runs when."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.base import from_ms
from schemas.campaigns import CampaignRecord
from streams.campaign_calendar import calendar
from streams.campaign_diff import differences, in_words
from streams.campaign_store import as_set, version_before
from streams.campaigns import CampaignSet, records, version_of, withdrawn
from streams.cli import main
from streams.errors import CampaignError
from tests.oracle.builders import DAY, brand, campaign, t
from tests.test_campaigns import BRAND, CART

NOON = t("2026-03-01T12:00")


def changes(before: list[Any], after: list[Any]) -> list[str]:
    """The differences of two lists of campaigns, in words."""
    rules = (brand(),)
    found = differences(CampaignSet(tuple(before), rules), CampaignSet(tuple(after), rules))
    return [line for change in found for line in in_words(change)]


def test_added_removed_and_changed_campaigns_are_told_field_by_field() -> None:
    old = campaign("welcome", "a", after=["1h"], priority=50)
    new = campaign("welcome", "a", after=["2h", "4h"], priority=60, when="customer.known")
    assert changes([old, campaign("welcome", "b")], [new, campaign("welcome", "c")]) == [
        "~ campaign a changed",
        "    priority: 50 -> 60",
        '    when: (none) -> "customer.known"',
        "    steps.1.after: 3600000 -> 7200000",
        "    steps.2.after: (none) -> 14400000",
        "- campaign b removed",
        "+ campaign c added",
    ]


def test_equal_sets_do_not_differ_and_rules_of_brands_count() -> None:
    assert changes([campaign("welcome")], [campaign("welcome")]) == []
    found = differences(CampaignSet((), (brand(),)), CampaignSet((), (brand(hold_window="1h"),)))
    assert [line for change in found for line in in_words(change)] == [
        "~ brand acme changed",
        "    hold_window: 0 -> 3600000",
    ]


def test_the_command_compares_two_folders(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, text in ((one, CART), (two, CART.replace("24h", "25h"))):
        folder.mkdir()
        (folder / "brand.yaml").write_text(BRAND)
        (folder / "cart.yaml").write_text(text)
    result = CliRunner().invoke(main, ["campaigns", "diff", str(one), str(two)])
    assert result.stdout.splitlines() == [
        "~ campaign cart changed",
        "    valid_for: 86400000 -> 90000000",
        "1 differences.",
    ]
    result = CliRunner().invoke(main, ["campaigns", "diff", str(one), str(two), "--json"])
    (row,) = json.loads(result.stdout)
    assert row["fields"] == [{"field": "valid_for", "before": 86_400_000, "after": 90_000_000}]


# --- versions ---------------------------------------------------------------------------------------------------------


def story(*versions: Any) -> list[CampaignRecord]:
    """The history of one campaign; None: it was withdrawn."""
    entries, last = [], None
    for number, version in enumerate(versions):
        at = NOON + number * DAY
        if version is None:
            made = [withdrawn(last, at, "ada")]
        else:
            made, last = list(records(CampaignSet((version,), ()), at, "ada")), version
        entries += [
            CampaignRecord.model_validate({**record, "published_at": record["occurred_at"]}) for _, record in made
        ]
    return entries


FIRST, SECOND = campaign("welcome", priority=1), campaign("welcome", priority=2)


def test_rollback_takes_the_last_other_version_or_the_one_named() -> None:
    assert version_before(story(FIRST, SECOND), "welcome", None).campaign == FIRST
    assert version_before(story(FIRST, SECOND, SECOND), "welcome", None).campaign == FIRST
    assert version_before(story(FIRST, SECOND, FIRST), "welcome", None).campaign == SECOND
    assert version_before(story(FIRST, SECOND, None), "welcome", None).campaign == SECOND
    third = campaign("welcome", priority=3)
    assert version_before(story(FIRST, SECOND, third), "welcome", version_of(FIRST)).campaign == FIRST


@pytest.mark.parametrize(
    ("entries", "version", "sentence"),
    [
        ([], None, "'welcome' was never published"),
        (story(FIRST), None, "welcome has one version only"),
        (story(FIRST, SECOND), "abc", "welcome has no earlier version 'abc'; its versions are"),
    ],
)
def test_there_is_nothing_to_go_back_to(entries: list[CampaignRecord], version: str | None, sentence: str) -> None:
    with pytest.raises(CampaignError, match=sentence):
        version_before(entries, "welcome", version)


def test_what_is_published_is_the_latest_publication_of_each_name() -> None:
    other = story(campaign("birthday"))
    assert as_set([*reversed(story(FIRST, SECOND)), *other]).campaigns == (campaign("birthday"), SECOND)
    assert as_set(story(FIRST, None)).campaigns == ()


# --- calendar ---------------------------------------------------------------------------------------------------------


def test_the_calendar_shows_what_runs_in_its_days_with_state_segment_and_owner() -> None:
    now = from_ms(NOON)
    found = CampaignSet(
        (
            campaign("welcome", "always", when="customer.company &&\n customer.known", markets=["GB"]),
            campaign("welcome", "ended", ends="2026-02-20T00:00:00Z"),
            campaign(
                "welcome",
                "later",
                starts="2026-03-10T00:00:00+01:00",
                ends="2026-03-20T00:00:00Z",
                brands=["acme", "zest"],
            ),
            campaign("welcome", "far", starts="2027-01-01T00:00:00Z"),
        ),
        (brand(), brand("zest")),
    )
    entries = calendar(found, now, 30, now)
    assert [(entry.campaign, entry.brand, entry.state) for entry in entries] == [
        ("always", "acme", "running"),
        ("later", "acme", "planned"),
        ("later", "zest", "planned"),
    ]
    assert (entries[0].segment, entries[0].owner, entries[1].segment) == (
        "customer.company && customer.known",
        "o",
        "everyone",
    )
    past = calendar(found, now - timedelta(days=30), 20, now)
    assert [(entry.campaign, entry.state) for entry in past] == [("always", "running"), ("ended", "ended")]
    assert [entry.brand for entry in calendar(found, now, 30, now, brand="zest")] == ["zest"]
    assert {entry.campaign for entry in calendar(found, now, 30, now, market="DE")} == {"later"}


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    (tmp_path / "brand.yaml").write_text(BRAND)
    (tmp_path / "cart.yaml").write_text(CART + "starts: 2026-03-10T00:00:00+01:00\n")
    command = ["campaigns", "calendar", str(tmp_path), "--at", "2026-03-01"]
    head, row = CliRunner().invoke(main, command).stdout.splitlines()
    assert head.split()[:4] == ["from", "until", "state", "campaign"]
    assert row.startswith("2026-03-09 23:00  always  ")
    (entry,) = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    assert (entry["campaign"], entry["starts"], entry["ends"]) == ("cart", "2026-03-10T00:00:00+01:00", None)
