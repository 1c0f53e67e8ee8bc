"""Campaign and brand files: what is shipped is valid, and every mistake gets a sentence with file, line and way out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from schemas.campaigns import OPTIONS
from streams.campaigns import known_brands, load_campaigns, records, version_of
from streams.cli import main
from streams.errors import CampaignError
from streams.intake.validate import Valid, validate

ROOT = Path(__file__).parents[1]
BRAND = "brand: shop\ncurrency: GBP\nzone: Europe/London\n"
CART = """id: cart
name: Cart reminder
owner: marketing
occasion: cart_abandoned
brands: [shop]
channels: [email]
steps:
  - after: 4h
valid_for: 24h
content:
  key: cart
  languages: [en]
options:
  rearm_after: 7d
"""


def faults(directory: Path, **files: str) -> list[str]:
    """The sentences that the files of a directory get; ``cart`` and ``brand`` are valid unless given."""
    for name, text in {"cart": CART, "brand": BRAND, **files}.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CampaignError) as error:
        load_campaigns(directory)
    return str(error.value).split("\n")


def test_the_shipped_files_are_valid_and_show_every_occasion() -> None:
    found = load_campaigns(ROOT / "campaigns")
    assert {campaign.occasion for campaign in found.campaigns} == set(OPTIONS)
    assert known_brands(found) == {"online-retail"}


def test_published_records_keep_to_the_contract_and_rules_come_first() -> None:
    shipped = load_campaigns(ROOT / "campaigns")
    made = list(records(shipped, 0, "ada"))
    assert {campaign.occasion for campaign in shipped.campaigns} == set(OPTIONS)
    assert [record["type"] for _, record in made] == ["brand.published"] + ["campaign.published"] * len(
        shipped.campaigns
    )
    for _, record in made:
        assert isinstance(validate("campaigns", msgspec.json.encode(record)), Valid)


def test_equal_content_has_an_equal_version(tmp_path: Path) -> None:
    (tmp_path / "brand.yaml").write_text(BRAND)
    (tmp_path / "cart.yaml").write_text(CART)
    (one,) = load_campaigns(tmp_path).campaigns
    (tmp_path / "cart.yaml").write_text("# a comment\n" + CART.replace("24h", "1440m"))
    (same,) = load_campaigns(tmp_path).campaigns
    (tmp_path / "cart.yaml").write_text(CART.replace("24h", "25h"))
    (other,) = load_campaigns(tmp_path).campaigns
    assert version_of(one) == version_of(same) != version_of(other)


def cart(old: str, new: str) -> str:
    assert old in CART
    return CART.replace(old, new)


OFFER = "offer: {kind: percent, value: 10}"

SENTENCES = [
    (
        cart("valid_for: 24h", "valid_fro: 24h"),
        "cart.yaml, line 9: field 'valid_fro' is unknown; did you mean 'valid_for'?",
    ),
    (
        cart("valid_for: 24h", "vvvv: red"),
        "cart.yaml, line 9: field 'vvvv' is unknown; remove it (fields here: id, name, owner, occasion, timing, "
        "priority, brands, markets, starts, ends, when, channels, purpose, steps, valid_for, content, offer, "
        "exempt_from_caps, expected_value, category, products, sources, stale_after, silent_after, holdout, "
        "experiment, options).",
    ),
    (
        cart("languages: [en]", "langauges: [en]"),
        "cart.yaml, line 12: field 'content.langauges' is unknown; did you mean 'languages'?",
    ),
    (
        cart("valid_for: 24h", 'min_value: "5"'),
        "cart.yaml, line 9: field 'min_value' is unknown; write it below 'options:'.",
    ),
    (
        cart("valid_for: 24h", "quiet_hours: []"),
        "cart.yaml, line 9: field 'quiet_hours' is unknown; it belongs to the rules of a brand, which are a file of "
        "their own.",
    ),
    (
        cart("rearm_after", "rearm_aftre"),
        "cart.yaml, line 14: field 'options.rearm_aftre' is unknown; did you mean 'rearm_after'?",
    ),
    (
        cart("rearm_after: 7d", "factor_percent: 200"),
        "cart.yaml, line 14: field 'options.factor_percent' is unknown; it is an option of reactivation, and this "
        "campaign's occasion is another.",
    ),
    (
        cart("rearm_after: 7d", "speed: 3"),
        "cart.yaml, line 14: field 'options.speed' is unknown; remove it (fields here: rearm_after, min_value).",
    ),
    (cart("owner: marketing\n", ""), "cart.yaml: field 'owner' is missing. Who answers for it."),
    (
        cart("  key: cart\n", ""),
        "cart.yaml, line 10: field 'content.key' is missing. Name of the content in the channel's system.",
    ),
    (
        cart("valid_for: 24h", "valid_for: 24 hours"),
        "cart.yaml, line 9: field 'valid_for' = \"24 hours\": '24 hours' is not a duration; write a number and a "
        "unit, such as 30m, 4h or 7d.",
    ),
    (
        cart("after: 4h", "after: 500d"),
        "cart.yaml, line 8: field 'steps.1.after' = \"500d\": '500d' is outside 0 to 400d.",
    ),
    (
        cart("rearm_after: 7d", "rearm_after: soon"),
        "cart.yaml, line 14: field 'options.rearm_after' = \"soon\": 'soon' is not a duration; write a number and a "
        "unit, such as 30m, 4h or 7d.",
    ),
    (
        cart("rearm_after: 7d", "min_value: 5"),
        "cart.yaml, line 14: field 'options.min_value' = 5: put it in quotes: \"5\".",
    ),
    (
        cart("rearm_after: 7d", 'min_value: "5 pounds"'),
        'cart.yaml, line 14: field \'options.min_value\' = "5 pounds": write an amount such as "5.00".',
    ),
    (
        cart("id: cart", "id: Cart Reminder"),
        "cart.yaml, line 1: field 'id' = \"Cart Reminder\": write lower case letters, digits and hyphens.",
    ),
    (
        cart("channels: [email]", "channels: [email, e-mail]"),
        "cart.yaml, line 6: field 'channels.2' = \"e-mail\" is none of email, push, sms, onsite, telesales, print, "
        "ads; did you mean 'email'?",
    ),
    (
        cart("occasion: cart_abandoned", "occasion: cart"),
        "cart.yaml, line 4: field 'occasion' = \"cart\" is none of cart_abandoned, review_request, second_purchase, "
        "reactivation, welcome, birthday, segment_changed, price_drop, back_in_stock, complementary_offer, "
        "replenishment, product_browsed, checkout_abandoned, after_return, delivery_late, anniversary, channel_shift, "
        "returning_session, calendar.",
    ),
    (
        cart("brands: [shop]", "brands: shop"),
        "cart.yaml, line 5: field 'brands' = \"shop\": write a list: [one, two].",
    ),
    (
        cart("brands: [shop]", "brand: shop\nbrands: [shop]"),
        "cart.yaml, line 5: field 'brand' is unknown; did you mean 'brands'?",
    ),
    (
        cart("valid_for: 24h", "when: customer.purchase > 2"),
        "cart.yaml, line 9: condition 'customer.purchase > 2', column 1: 'customer.purchase' is unknown; did you mean "
        "customer.purchases?",
    ),
    (
        cart("valid_for: 24h", "when: customer.country = 'GB'"),
        "cart.yaml, line 9: condition \"customer.country = 'GB'\", column 18: \"= 'GB'\" cannot be read here; compare "
        "with ==.",
    ),
    (cart("valid_for: 24h", "when: true\n"), "cart.yaml, line 9: field 'when' = true: put it in quotes."),
    (
        cart("content:\n  key: cart\n  languages: [en]", "content: cart"),
        "cart.yaml, line 10: field 'content' = \"cart\": write fields below it, indented.",
    ),
    (
        cart("valid_for: 24h", "markets: [UK]"),
        "cart.yaml, line 9: field 'markets.1' = \"UK\": market 'UK' is not an ISO 3166 alpha-2 country code such as "
        "'GB' or 'DE'.",
    ),
    (
        cart("valid_for: 24h", "starts: 2026-03-01"),
        "cart.yaml, line 9: field 'starts' = \"2026-03-01\": write date, time and offset, such as "
        "2026-03-01T00:00:00+01:00.",
    ),
    (
        cart("valid_for: 24h", "starts: 2026-03-01T00:00:00"),
        "cart.yaml, line 9: field 'starts' = \"2026-03-01T00:00:00\": add the offset, such as "
        "2026-03-01T00:00:00+01:00.",
    ),
    (
        cart("valid_for: 24h", "starts: 2026-03-01T00:00:00Z\nends: 2026-02-01T00:00:00Z"),
        "cart.yaml, line 10: ends 2026-02-01T00:00:00+00:00 is not after starts 2026-03-01T00:00:00+00:00.",
    ),
    (
        cart("  - after: 4h", "  - after: 24h\n  - after: 4h"),
        "cart.yaml, line 7: steps must be in rising order of 'after', no two alike.",
    ),
    (
        cart("valid_for: 24h", "exempt_from_caps: yes"),
        "cart.yaml, line 9: field 'exempt_from_caps' = \"yes\": write true or false.",
    ),
    (
        cart("valid_for: 24h", "priority: high"),
        "cart.yaml, line 9: field 'priority' = \"high\": write a whole number.",
    ),
    (
        cart("valid_for: 24h", "priority: 5000"),
        "cart.yaml, line 9: field 'priority' = 5000: Input should be less than or equal to 1000.",
    ),
    (cart("valid_for: 24h", OFFER), "cart.yaml, line 9: field 'offer.value' = 10: put it in quotes: \"10\"."),
    (
        cart("valid_for: 24h", "valid_for: 24h\nvalid_for: 48h"),
        "cart.yaml line 10: field 'valid_for' is on line 9 already; keep one of them.",
    ),
    (cart("name: Cart reminder", "name: Cart: reminder"), "cart.yaml is not YAML: line 2, column 11: mapping values"),
    (cart("  key: cart", "\tkey: cart"), "cart.yaml is not YAML: line 11, column 1: a tab; indent with spaces"),
    (
        cart("steps:\n  - after: 4h", "steps: &a\n  - after: *a"),
        "cart.yaml is not YAML: line 8, column 14: a reference (*); write the value out",
    ),
    ("", "cart.yaml holds no fields; begin with 'id: …' (a campaign) or 'brand: …' (rules)."),
    ("- cart\n", "cart.yaml holds no fields; begin with 'id: …' (a campaign) or 'brand: …' (rules)."),
    (
        cart("brands: [shop]", "brands: [shop, shopp]"),
        "cart.yaml, line 5: brand 'shopp' has no rules; add a file that begins with 'brand: shopp'; did you mean "
        "'shop'?",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), SENTENCES, ids=[sentence[:60] for _, sentence in SENTENCES])
def test_a_mistake_in_a_campaign_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (found,) = faults(tmp_path, cart=text)
    assert found.startswith(sentence)
    assert found[-1] in ".?"


BRAND_SENTENCES = [
    (
        BRAND.replace("Europe/London", "London"),
        "brand.yaml, line 3: field 'zone' = \"London\": zone 'London' is not a name of the time zone database such as "
        "Europe/London.",
    ),
    (
        BRAND.replace("GBP", "Pounds"),
        "brand.yaml, line 2: field 'currency' = \"Pounds\": currency 'Pounds' is not an ISO 4217 code such as 'GBP' "
        "or 'EUR'.",
    ),
    (
        BRAND + "quiet_hours:\n  - {start: 21, end: 08:00}\n",
        "brand.yaml, line 5: field 'quiet_hours.1.start' = 21: write a time of day with two digits each, such as "
        '"09:00".',
    ),
    (
        BRAND + "quiet_hours:\n  - {start: 9:00, end: 08:00}\n",
        "brand.yaml, line 5: field 'quiet_hours.1.start' = \"9:00\": write a time of day with two digits each, such "
        'as "09:00".',
    ),
    (
        BRAND + "caps:\n  - {channel: mail, max: 2, per: 7d}\n",
        "brand.yaml, line 5: field 'caps.1.channel' = \"mail\" is none of email, push, sms, onsite, telesales, print, "
        "ads, *; did you mean 'email'?",
    ),
    (
        BRAND + "caps:\n  - {max: 2, per: 100d}\n",
        "brand.yaml, line 5: field 'caps.1.per' = \"100d\": '100d' is longer than 92d, the longest window of a cap.",
    ),
    (
        BRAND + "markets:\n  UK: {zone: Europe/London}\n",
        "brand.yaml, line 5: field 'markets.UK' = \"UK\": market 'UK' is not an ISO 3166 alpha-2 country code such as "
        "'GB' or 'DE'.",
    ),
    (
        BRAND + "markets:\n  GB: {zoen: Europe/London}\n",
        "brand.yaml, line 5: field 'markets.GB.zoen' is unknown; did you mean 'zone'?",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), BRAND_SENTENCES, ids=[sentence[:60] for _, sentence in BRAND_SENTENCES])
def test_a_mistake_in_brand_rules_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert faults(tmp_path, brand=text) == [sentence]


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path, cart=cart("owner: marketing\n", "ownr: marketing\n"), brand=BRAND + "caps: 3\n", other="id: [\n"
    )
    assert [sentence.split(":")[0] for sentence in found] == [
        "brand.yaml, line 4",
        "cart.yaml, line 3",
        "other.yaml is not YAML",
    ]


@pytest.mark.parametrize(("name", "text"), [("again", CART), ("second", BRAND)])
def test_one_id_in_two_files_names_both(tmp_path: Path, name: str, text: str) -> None:
    (found,) = faults(tmp_path, **{name: text})
    first, second = ("again", "cart") if name == "again" else ("brand", "second")
    what = "cart" if name == "again" else "shop"
    assert found == f"{second}.yaml: {what!r} is defined in {first}.yaml too; keep one of them."


def test_a_birthday_has_one_step(tmp_path: Path) -> None:
    text = cart("cart_abandoned", "birthday").replace("  rearm_after: 7d", '  local_time: "09:00"')
    assert faults(tmp_path, cart=text.replace("  - after: 4h", "  - after: 0h\n  - after: 4h")) == [
        "cart.yaml: a birthday campaign has one step; use options.lead_days for an earlier message."
    ]


def test_a_number_is_no_time_of_day(tmp_path: Path) -> None:
    text = cart("cart_abandoned", "birthday").replace("  rearm_after: 7d", "  local_time: 9")
    (found,) = faults(tmp_path, cart=text)
    assert found.startswith("cart.yaml, line 14: field 'options.local_time' = 9: write a time of day")


def test_norway_times_and_codes_stay_what_they_look_like(tmp_path: Path) -> None:
    (tmp_path / "brand.yaml").write_text(BRAND + "quiet_hours:\n  - {start: 21:00, end: 08:00}\n")
    (tmp_path / "cart.yaml").write_text(CART + "markets: [NO]\noffer: {kind: gift, code: 007}\n")
    found = load_campaigns(tmp_path)
    (hours,) = found.brands[0].quiet_hours
    assert (hours.start.hour, hours.start.minute, hours.end.hour) == (21, 0, 8)
    assert found.campaigns[0].markets == ["NO"]
    assert found.campaigns[0].offer is not None
    assert found.campaigns[0].offer.code == "007"


def test_a_file_that_is_no_text_and_one_with_another_ending_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_bytes(b"id: caf\xe9\n")
    (tmp_path / "late.yml").write_text(CART)
    found = faults(tmp_path)
    assert found[0] == "late.yml is not read; name it late.yaml."
    assert found[1].startswith("broken.yaml is not UTF-8 text")


def test_a_file_nested_without_end_is_refused(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, cart="id: " + "[" * 30 + "]" * 30 + "\n")
    assert "more than 20 levels" in found


def test_a_directory_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"holds no \*.yaml file"):
        load_campaigns(tmp_path)
    with pytest.raises(CampaignError, match="is not a directory"):
        load_campaigns(tmp_path / "nowhere")


def test_lint_prints_the_sentences_and_fails(tmp_path: Path) -> None:
    (tmp_path / "cart.yaml").write_text(cart("owner", "ownr"))
    result = CliRunner().invoke(main, ["campaigns", "lint", str(tmp_path)])
    assert result.exit_code == CampaignError.exit_code
    assert "field 'ownr' is unknown; did you mean 'owner'?" in result.stderr
    result = CliRunner().invoke(main, ["campaigns", "lint", str(ROOT / "campaigns")])
    assert (result.exit_code, result.stdout) == (0, "21 campaigns and the rules of 1 brands are valid.\n")
