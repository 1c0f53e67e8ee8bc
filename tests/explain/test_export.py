"""Everything about a customer in one document; nothing of who was erased."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from schemas.base import rfc3339
from streams.campaigns import load_campaigns
from streams.cli import main
from streams.errors import InputError
from streams.explain.export import exported, in_text
from tests.decide.test_any_cut import CAMPAIGNS
from tests.explain.kit import recorded
from tests.oracle.builders import DAY, HASH, HOUR, History, brand, campaign, t

NOON = t("2011-03-01T12:00")
CART = campaign("cart_abandoned", "cart")
RULES = brand(segments=[{"id": "buyers", "name": "Buyers", "purchases_min": 1}])
SEGMENT = campaign("segment_changed", "hello", after="0s", options={"segment": "buyers"})
DECIDED = [("hello", "suppressed"), ("hello", "sent"), ("cart", "sent")]


def story(**place: str) -> History:
    history = History()
    history.order(NOON - 9 * DAY, "pen", "o-cookie", anonymous_id="A", **place)
    history.order(NOON - 8 * DAY, "cup", "o-2", customer_id="c2", **place)
    profile = history.profile(NOON - 3 * DAY, birth_date="1980-02-03", registered_at=rfc3339(NOON - 5 * DAY), **place)
    for consent in profile["consents"]:
        consent |= {"source": "till s1", "confirmed_at": rfc3339(NOON - 3 * DAY)}
    history.identified(NOON - 2 * DAY, anonymous_id="A", email_hash=HASH, **place)
    history.merged(NOON - DAY, "c2")["brand"] = place.get("brand", "acme")
    history.cart(NOON, "mug", customer_id="c1", **place)
    history.feedback(NOON + 9 * HOUR, "unsubscribed", **place)
    return history


def test_a_document_holds_everything() -> None:
    found = exported(recorded(story(), [CART, SEGMENT], brands=[RULES]))
    assert json.loads(json.dumps(found)) == found
    assert found["note"] is None
    assert found["profile"]["birth"] == "1980-02-03"
    assert found["profile"]["registered_at"] == {"acme": rfc3339(NOON - 5 * DAY)}
    consents = {(row["channel"], row["purpose"]): row for row in found["consents"]}
    service, marketing = consents["email", "service"], consents["email", "marketing"]
    kept = ("status", "at", "source", "confirmed_at")
    assert [service[name] for name in kept] == ["granted", rfc3339(NOON - 3 * DAY), "till s1", service["at"]]
    assert [marketing[name] for name in kept[:3]] == ["withdrawn", rfc3339(NOON + 9 * HOUR), "unsubscribed"]
    assert [word["source"] for word in marketing["words"]] == ["till s1", "unsubscribed"]
    assert {(row["kind"], row["value"]) for row in found["identifiers"]} == {("anon", "A"), ("email", HASH)}
    assert found["merged"] == [{"customer": "anon:A", "into": "c1"}, {"customer": "c2", "into": "c1"}]
    assert [(row["segment"], row["inside"]) for row in found["segments"]] == [("buyers", True)]
    assert set(found["state"]["purchases"]) == {"acme|o-cookie", "acme|o-2"}
    assert found["state"]["purchases"]["acme|o-2"]["lines"][0]["product"] == "cup"
    assert [(row["campaign"], row["outcome"]) for row in found["decisions"]] == DECIDED
    assert len(found["events"]) == 9


def test_the_text_tells_the_same() -> None:
    recording = recorded(story(), CART)
    text = "\n".join(in_text(exported(recording), recording.events))
    for said in ("birth: 1980-02-03", "acme email service: granted", "(till s1), confirmed", "c2 became c1", "mug"):
        assert said in text
    assert "Segments\n  nothing" in text


def test_a_merged_id_gives_the_survivor_with_a_note() -> None:
    found = exported(recorded(story(), CART, "c2"))
    assert (found["customer"], found["asked"]) == ("c1", "c2")
    assert found["note"] == "c2 became c1: this is everything about the customer that they are now."


@pytest.mark.parametrize("asked", ["c1", "c2", "anon:A"])
def test_of_the_erased_nothing_is_told(asked: str) -> None:
    history = story()
    history.erased(NOON + 10 * HOUR, "c2")
    with pytest.raises(
        InputError, match=f"Customer '{asked}' was erased on 2011-03-01 22:00 UTC: nothing of him is told"
    ):
        exported(recorded(history, CART, asked))


def test_of_nobody_it_says_that_nothing_is_known() -> None:
    with pytest.raises(InputError, match="Nothing is known of customer 'c7'"):
        exported(recorded(story(), CART, "c7"))


def test_the_command_writes_text_and_json(tmp_path: Path) -> None:
    place = {"brand": load_campaigns(CAMPAIGNS).brands[0].brand}
    for source, rows in story(**place).sources.items():
        if rows:
            path = tmp_path / f"{source}.jsonl"
            path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows) + b"\n")
    where = ["customer", "export", "c2", "--history", str(tmp_path), "--campaigns", str(CAMPAIGNS)]
    text, found = CliRunner().invoke(main, where), CliRunner().invoke(main, [*where, "--json"])
    assert "c2 became c1" in text.output
    assert json.loads(found.output)["customer"] == "c1"
    both = CliRunner().invoke(main, [*where, "--snapshot"])
    assert "name two sources" in both.output
