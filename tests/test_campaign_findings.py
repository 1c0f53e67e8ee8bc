"""What lint finds in campaigns that are valid: those that never fire, compete, tie, or lack content or a zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.base import from_ms
from streams.campaign_findings import findings
from streams.campaigns import CampaignSet
from streams.cli import main
from streams.decide.conditions.truth import can_hold
from streams.errors import CampaignError
from tests.oracle.builders import brand, campaign, t
from tests.test_campaigns import BRAND, CART, ROOT

NOW = from_ms(t("2026-03-01"))


def found(*campaigns: Any, rules: Any = None, sources: frozenset[str] | None = None) -> list[str]:
    """``kind campaign.field: text`` of all findings."""
    content = CampaignSet(campaigns, (rules or brand(language="en"),))
    return [f"{one.kind} {one.campaign}.{one.field}: {one.text}" for one in findings(content, NOW, sources)]


def only(*campaigns: Any, **fields: Any) -> str:
    (text,) = found(*campaigns, **fields)
    return text


def test_a_good_campaign_has_no_findings() -> None:
    assert found(campaign("welcome"), campaign("cart_abandoned", priority=60)) == []


NEVER = [
    ({"when": 'customer.country == "GB" && customer.country == "DE"'}, "when: never fires: its condition can never"),
    ({"when": 'customer.market == "DE"', "markets": ["GB"]}, "when: never fires: its condition can never"),
    ({"when": "occasion.step == 2", "after": ["1h", "2h"]}, "when: step 1 never fires: the condition is never true"),
    ({"content": {"key": "k", "languages": ["en"], "markets": ["DE"]}, "markets": ["GB"]}, "content.markets: never"),
    ({"valid_for": "10m"}, "valid_for: never fires alone: it is valid for 0.166667 hours, and acme holds messages"),
]


@pytest.mark.parametrize(("fields", "text"), NEVER)
def test_a_campaign_that_can_never_fire(fields: dict[str, Any], text: str) -> None:
    texts = found(campaign("cart_abandoned", "cart", **fields), rules=brand(language="en", hold_window="30m"))
    assert [one.startswith(f"never cart.{text}") for one in texts if one.startswith("never")] == [True]


def test_caps_windows_and_birthdays_that_forbid_everything() -> None:
    closed = brand(language="en", caps=[{"channel": "email", "max": 0, "per": "1d"}])
    assert only(campaign("welcome"), rules=closed).startswith("never welcome.channels: never fires: the caps of acme")
    assert found(campaign("welcome", exempt_from_caps=True), rules=closed) == []
    assert found(campaign("welcome", channels=["email", "push"]), rules=closed) == []
    late = campaign("second_purchase", after=["1d", "40d"])
    assert only(late).startswith("never second-purchase.steps.1: step 2 never fires: it is due 40 days after")
    night = brand(language="en", zone="UTC", quiet_hours=[{"start": "22:00", "end": "08:00"}])
    asleep = campaign("birthday", after="0h", valid_for="4h", options={"local_time": "23:00"})
    assert only(asleep, rules=night).startswith("never birthday.options.local_time: never fires: 23:00 is in the quiet")
    assert found(campaign("birthday", after="0h", valid_for="9h", options={"local_time": "23:00"}), rules=night) == []


def test_a_source_that_is_not_there() -> None:
    cart = campaign("cart_abandoned", "cart")
    assert only(cart, sources=frozenset({"orders"})).startswith(
        "never cart.occasion: never fires: cart_abandoned is triggered by web-sessions, and the sources are orders."
    )
    assert found(cart, sources=frozenset({"web-sessions"})) == []


def test_an_ended_campaign() -> None:
    assert only(campaign("welcome", ends="2026-02-01T00:00:00Z")).startswith("ended welcome.ends: ended at 2026-02-01")


def test_two_campaigns_for_one_moment_compete_unless_something_keeps_them_apart() -> None:
    one = {"occasion": "welcome", "name": "a"}
    text = only(campaign(**one, priority=60), campaign("welcome", "b"))
    assert text.startswith(
        "competes a.occasion: competes with b for the same moment (welcome, brand acme, channel email)"
    )
    assert "a goes first by priority 60 against 50" in text
    apart: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"markets": ["GB"]}, {"markets": ["DE"], "content": {"key": "k", "languages": ["en"], "fallback": ["en"]}}),
        ({"channels": ["push"]}, {}),
        ({"ends": "2026-04-01T00:00:00Z"}, {"starts": "2026-04-01T00:00:00Z"}),
        ({"when": "customer.company"}, {"when": "!customer.company"}),
        ({"when": "customer.purchases > 2"}, {"when": "customer.purchases <= 2"}),
        ({"when": 'customer.country in ["GB", "IE"]'}, {"when": 'customer.country == "DE"'}),
    ]
    for left, right in apart:
        assert found(campaign("welcome", "a", **left), campaign("welcome", "b", **right)) == []


@pytest.mark.parametrize(
    ("left", "right", "apart"),
    [
        ({"visits_min": 1, "visits_max": 1}, {"visits_min": 2}, True),
        ({"visits_min": 3}, {"visits_min": 1, "visits_max": 2}, True),
        ({"visits_min": 1, "visits_max": 2}, {"visits_min": 2}, False),
        ({"devices": ["mobile"]}, {"devices": ["desktop", "tablet"]}, True),
        ({"devices": ["mobile"]}, {"devices": ["mobile", "tablet"]}, False),
        ({"devices": ["mobile"]}, {}, False),
    ],
)
def test_greetings_of_other_visits_do_not_compete(left: dict[str, Any], right: dict[str, Any], apart: bool) -> None:
    one, other = (
        campaign("returning_session", name, "0s", options=options) for name, options in (("a", left), ("b", right))
    )
    assert (found(one, other) == []) is apart


def test_equal_priorities_of_different_occasions_tie_where_they_may_meet() -> None:
    cart, welcome = campaign("cart_abandoned", "cart"), campaign("welcome")
    assert only(cart, welcome).startswith(
        "tie cart.priority: has the priority 50 of welcome (brand acme, channel email)"
    )
    assert found(cart, campaign("welcome", channels=["push"])) == []


def test_content_that_is_missing_in_a_market() -> None:
    rules = brand(language="en", markets={"DE": {"language": "de-AT"}, "FR": {"language": "fr"}, "GB": {}})
    content = {"key": "hello", "languages": ["en", "de"]}
    assert only(campaign("welcome", content=content), rules=rules) == (
        "content welcome.content.languages: content is missing in market FR of acme: fr is spoken there, hello "
        "exists in en, de, and content.fallback names none of them; write it, add a fallback, or name markets."
    )
    for_some = {**content, "markets": ["GB", "DE"]}
    assert "content.markets names GB, DE" in only(campaign("welcome", content=for_some), rules=rules)
    assert found(campaign("welcome", content=content, markets=["GB", "DE"]), rules=rules) == []


def test_a_market_without_a_zone_where_one_is_needed() -> None:
    rules = brand(language="en", markets={"GB": {"zone": "Europe/London"}, "DE": {}})
    assert "know no time zone of DE, which the occasion birthday needs" in only(campaign("birthday"), rules=rules)
    assert found(campaign("welcome"), rules=rules) == []
    quiet = rules.model_copy(
        update={"quiet_hours": brand(quiet_hours=[{"start": "22:00", "end": "8:00".zfill(5)}]).quiet_hours}
    )
    assert "which quiet hours on email needs" in only(campaign("welcome"), rules=quiet)


IMPOSSIBLE = [
    "false",
    "customer.known && !customer.known",
    "customer.purchases < 0",
    "customer.purchases > 2 && customer.purchases < 3",
    "!(customer.purchases >= 1) && customer.purchases > 0",
    "now.hour == 24",
    "now.weekday > 7 || now.month == 13",
    'customer.country == "GB" && customer.country != "GB"',
    'customer.country in ["GB"] && !(customer.country in ["GB", "DE"])',
    "!has(customer.age) && customer.age > 1",
    "!has(customer.purchases)",
    "3 < customer.purchases && customer.purchases < 2",
]
POSSIBLE = [
    "customer.purchases > 2 && customer.purchases < 4",
    "customer.known || false",
    'customer.language == "de" || customer.language == "en"',
    "!has(customer.age) || customer.age > 1",
    "customer.purchases < customer.store_purchases",
    "items.exists(i, i.quantity < 0)",
    " || ".join(f"(customer.age > {n} && customer.age < {n})" for n in range(30)) + " || customer.known",
    " && ".join(f"(customer.age != {n} || now.day != {n})" for n in range(12)),
]


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_what_can_never_hold(text: str) -> None:
    assert not can_hold([text])


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_may_hold(text: str) -> None:
    assert can_hold([text])


def test_lint_prints_findings_with_file_and_line_and_fails_for_what_never_fires(tmp_path: Path) -> None:
    lint = ["campaigns", "lint", str(tmp_path), "--at", "2026-03-01"]
    (tmp_path / "brand.yaml").write_text(BRAND)
    (tmp_path / "cart.yaml").write_text(CART + "ends: 2026-02-01T00:00:00Z\n")
    result = CliRunner().invoke(main, lint)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "cart.yaml, line 15: cart ended at 2026-02-01T00:00:00+00:00 and does not fire any more; remove the file or "
        "move the end.",
        "1 campaigns and the rules of 1 brands are valid; 1 findings.",
    ]
    assert CliRunner().invoke(main, [*lint, "--strict"]).exit_code == CampaignError.exit_code
    (tmp_path / "cart.yaml").write_text(CART + "when: customer.purchases < 0\n")
    result = CliRunner().invoke(main, lint)
    assert result.exit_code == CampaignError.exit_code
    assert "cart.yaml, line 15: cart never fires: its condition can never be true" in result.stderr
    wrong = CliRunner().invoke(main, [*lint, "--sources", "orders,web-session"])
    assert "--sources names 'web-session', which is no input; did you mean 'web-sessions'?" in wrong.stderr


def test_the_shipped_campaigns_have_no_findings() -> None:
    result = CliRunner().invoke(main, ["campaigns", "lint", str(ROOT / "campaigns"), "--strict"])
    assert (result.exit_code, result.stderr) == (0, "")
