"""Time-travel tests: the shipped stories hold, and a story that fails says what came instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from schemas.decisions import OUTCOMES
from streams.campaigns import load_campaigns
from streams.cli import main
from streams.errors import CampaignError
from streams.time_travel.run import read_tests, run_file
from tests.test_campaigns import ROOT

SHIPPED = ROOT / "campaigns"
STORIES = sorted((SHIPPED / "tests").glob("*.yaml"))
HEAD = "brand: online-retail\nzone: Europe/London\ncampaigns: [cart-reminder]\ntests:\n  - name: A story\n"
GIVEN = "    given:\n      - {at: 2026-03-01 09:00, profile: {}}\n"
WHEN = "    when:\n      - {at: 2026-03-02 10:00, cart: {mug: 2}}\n"
UNTIL = "    until: 2026-03-10 00:00\n"
SENT = "    then:\n      - {campaign: cart-reminder, step: 1, outcome: sent}\n"


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_shipped_stories_hold(path: Path) -> None:
    for verdict in run_file(path, load_campaigns(SHIPPED)):
        assert verdict.faults == (), "\n".join([verdict.test, *verdict.faults, *verdict.timeline])


def test_every_shipped_campaign_has_stories_of_messages_that_go_and_of_others_that_do_not() -> None:
    campaigns = load_campaigns(SHIPPED)
    assert [path.stem for path in STORIES] == [campaign.id for campaign in campaigns.campaigns]
    for path in STORIES:
        text = path.read_text(encoding="utf-8")
        assert "outcome: sent" in text, path.name
    assert {word for path in STORIES for word in re.findall(r"outcome: (\w+)", path.read_text())} <= set(OUTCOMES)


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_shipped_stories_fail_when_their_campaign_is_changed(path: Path) -> None:
    """Each file notices that its campaign is valid for no time at all."""
    found = load_campaigns(SHIPPED)
    changed = tuple(campaign.model_copy(update={"valid_for": 0}) for campaign in found.campaigns)
    verdicts = list(run_file(path, type(found)(changed, found.brands)))
    assert any(verdict.faults for verdict in verdicts)


def told(tmp_path: Path, text: str) -> list[str]:
    """The faults of the one story of a file."""
    (tmp_path / "story.yaml").write_text(text)
    (verdict,) = run_file(tmp_path / "story.yaml", load_campaigns(SHIPPED))
    return list(verdict.faults)


def test_a_story_may_leave_decisions_out_unless_nothing_else_may_come(tmp_path: Path) -> None:
    assert told(tmp_path, HEAD + GIVEN + WHEN + SENT + UNTIL) == []
    (fault,) = told(tmp_path, HEAD + GIVEN + WHEN + SENT + UNTIL + "    nothing_else: true\n")
    assert fault.startswith("story.yaml, line 13: nothing else was expected; it came: cart-reminder step 2 sent (due)")


def test_what_came_instead_is_said_with_the_gate_that_decided(tmp_path: Path) -> None:
    (fault,) = told(tmp_path, HEAD + WHEN + SENT + UNTIL)
    assert fault == (
        "story.yaml, line 9: expected campaign cart-reminder, step 1, outcome sent; it came: cart-reminder step 1 "
        "suppressed (no_consent) at 2026-03-02 14:00 UTC (consent: email: marketing not asked; push: marketing "
        "not asked)."
    )


def test_two_expectations_need_two_decisions(tmp_path: Path) -> None:
    twice = SENT + "      - {campaign: cart-reminder, step: 1, outcome: sent}\n"
    (fault,) = told(tmp_path, HEAD + GIVEN + WHEN + twice + UNTIL)
    assert fault.startswith("story.yaml, line 12: expected")


def test_what_must_never_come_is_told_when_it_comes(tmp_path: Path) -> None:
    never = "    never:\n      - {campaign: cart-reminder, channel: email}\n"
    faults = told(tmp_path, HEAD + GIVEN + WHEN + never + UNTIL)
    assert [fault.split(";")[0] for fault in faults] == [
        "story.yaml, line 11: never campaign cart-reminder, channel email"
    ] * 2


def test_moments_count_from_the_event_before_and_late_events_arrive_late(tmp_path: Path) -> None:
    late = WHEN + "      - {at: +3h, arrives: +1d, receipt: {mug: 2}}\n"
    then = "    then:\n      - {campaign: cart-reminder, at: 2026-03-02 14:30, outcome: sent}\n"
    then += "      - {campaign: cart-reminder, step: 1, at: 2026-03-03 13:00, outcome: regretted}\n"
    assert told(tmp_path, HEAD + GIVEN + late + then + "    until: +5d\n") == []


def test_an_event_that_intake_refuses_is_told(tmp_path: Path) -> None:
    odd = WHEN + "      - {at: +1h, event: {type: session.ended}}\n"
    (fault,) = told(tmp_path, HEAD + GIVEN + odd + SENT + UNTIL)
    assert fault == "story.yaml, line 5: 1 records of web-sessions were refused (missing_field); correct the event."


MISTAKES = [
    (HEAD + WHEN + SENT + "    until: soon\n", "story.yaml, line 10: 'soon' is no moment; write date and time such as"),
    (HEAD + WHEN.replace("2026-03-02 10:00", "+4h") + SENT + UNTIL, "story.yaml, line 7: '+4h' counts from an event"),
    (
        HEAD + WHEN.replace("cart:", "crat:") + SENT + UNTIL,
        "story.yaml, line 7: field 'tests.1.when.1.crat' is unknown",
    ),
    (HEAD + WHEN.replace("cart:", "order: {a: 1}, cart:") + SENT + UNTIL, "story.yaml, line 7: field 'tests.1.when.1'"),
    (HEAD + WHEN + UNTIL, "story.yaml, line 5: field 'tests.1'"),
    (
        HEAD + WHEN + SENT.replace("cart-reminder", "cart-remindr") + UNTIL,
        "story.yaml, line 9: campaign 'cart-remindr'",
    ),
    (
        HEAD + WHEN + SENT.replace("sent", "sent, reason: boght_again") + UNTIL,
        "story.yaml, line 9: field 'tests.1.then",
    ),
    ("- a\n", "story.yaml holds no tests; begin with 'brand: …' and 'tests:'."),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES, ids=[sentence[:50] for _, sentence in MISTAKES])
def test_a_mistake_in_a_story_gets_its_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CampaignError) as error:
        told(tmp_path, text)
    assert str(error.value).startswith(sentence)


def test_the_command_prints_what_passed_and_fails_with_the_timeline(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["campaigns", "test", str(SHIPPED), "--only", "welcome"])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "2 stories passed.")
    (tmp_path / "tests").mkdir()
    for path in SHIPPED.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert "holds no *.yaml file" in CliRunner().invoke(main, ["campaigns", "test", str(tmp_path)]).stderr
    (tmp_path / "tests" / "story.yaml").write_text(HEAD + GIVEN + WHEN + SENT.replace("sent", "held") + UNTIL)
    result = CliRunner().invoke(main, ["campaigns", "test", str(tmp_path)])
    assert result.exit_code == CampaignError.exit_code
    assert "FAILED  story.yaml: A story" in result.stdout
    assert "    2026-03-02 10:00 cart.updated 2 mug" in result.stderr


def test_stories_are_read_with_their_lines() -> None:
    stories, file = read_tests(STORIES[0], load_campaigns(SHIPPED))
    assert len(stories.tests) >= 2
    assert file.lines["tests", 0, "name"] > 1
