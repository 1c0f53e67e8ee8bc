"""What a shop is told of a customer, and when: the stories behind docs/semantics.md, "Public profile"."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.base import rfc3339
from schemas.campaigns import BrandRules, Campaign
from schemas.envelope import Envelope
from schemas.profiles import PublicProfile
from streams.backtest import backtest_history
from streams.campaigns import CampaignSet, records
from streams.decide.partition import Partition
from streams.intake.admit import Admission
from streams.intake.validate import Rejection
from tests.oracle.builders import DAY, HOUR, LATENESS, MINUTE, History, brand, campaign, t

START = t("2024-02-01")
SEGMENTS = [
    {"id": "academic", "name": "Academic", "email_domains": ["ac.uk"]},
    {"id": "silent", "name": "Silent", "stages": ["at_risk", "lapsed"]},
]
RHYTHM = {"min_purchases": 1, "prior_interval": "10d", "prior_weight": 1, "at_least": "0s"}
"""Ten days between purchases are usual: at risk after 20 of silence, lapsed after 40."""


def rules(name: str = "acme", **fields: Any) -> BrandRules:
    own = {"segments": SEGMENTS, "lifecycle": {"rhythm": RHYTHM, "new_for": "1d"}, "profile": True}
    return brand(name, **own | fields)


class Shop:
    """A partition, and what the topic ``customer-profile`` says after each step."""

    def __init__(self, *brands: BrandRules, campaigns: tuple[Campaign, ...] = ()) -> None:
        self.partition = Partition(lambda _: None, lambda _: iter(()))
        self.history = History()
        self._admission, self._offset = Admission(), 0
        self.publish(0, *brands, campaigns=campaigns)

    def publish(self, at: int, *brands: BrandRules, campaigns: tuple[Campaign, ...] = ()) -> None:
        for _, record in records(CampaignSet(campaigns, brands), at, "test"):
            self._admit("campaigns", record)

    def read(self, source: str, record: dict[str, Any]) -> list[tuple[str, Any]]:
        """Let an event happen: what shops are told of it."""
        self._admit(source, record)
        return self.told()

    def take(self, event: Envelope) -> list[tuple[str, Any]]:
        """Let an event of the log happen."""
        self._offset += 1
        self.partition.take(event, self._offset)
        self.clock(event.eff + 1)
        return self.told()

    def clock(self, now: int) -> None:
        self.partition.advance(now, 1 << 62)

    def told(self, now: int | None = None) -> list[tuple[str, Any]]:
        if now is not None:
            self.clock(now)
        made = list(self.partition.profiles.made)
        self.partition.profiles.made.clear()
        for _, record in made:
            if record is not None:
                PublicProfile.model_validate(record)
        return made

    def student(self, at: int = START, **fields: Any) -> list[tuple[str, Any]]:
        own = {"email_domain": "ox.ac.uk", "birth_date": "1999-02-28", "registered_at": rfc3339(at)}
        return self.read("customers", self.history.profile(at, reach=("onsite",), **own | fields))

    def visit(self, at: int, session: str, **fields: Any) -> list[tuple[str, Any]]:
        own = {"session_id": session, "customer_id": "c1"} | fields
        return self.read("web-sessions", self.history.add("web-sessions", "session.started", at, **own))

    def _admit(self, source: str, record: dict[str, Any]) -> None:
        at = 0
        routed = self._admission.admit(source, msgspec.json.encode(record), START + 400 * DAY, 0)
        assert routed is not None
        assert not isinstance(routed, Rejection), routed
        for topic, event in routed:
            if topic == "customer-events":
                self._offset += 1
                self.partition.take(event, self._offset)
                at = event.eff
        self.clock(max(at + 1, 1))


def only(told: list[tuple[str, Any]]) -> dict[str, Any]:
    """The one record that was told, of customer c1 and brand acme."""
    ((key, record),) = told
    assert key == "acme:c1"
    assert record is not None
    found: dict[str, Any] = record
    return found


def test_a_shop_tells_the_second_visit_of_a_student_from_the_first() -> None:
    shop = Shop(rules())
    known = only(shop.student())
    assert (known["segments"], known["visits"], known["last_visit_at"]) == (["academic"], 0, None)
    first = only(shop.visit(START + DAY, "one", device="desktop", referrer="https://library.ox.ac.uk/shelf"))
    assert (first["visits"], first["devices"], first["origins"]) == (1, ["desktop"], ["library.ox.ac.uk"])
    second = only(shop.visit(START + 2 * DAY, "two", device="mobile"))
    assert (second["visits"], second["segments"], second["as_of"]) == (2, ["academic"], rfc3339(START + 2 * DAY))
    assert second["last_visit_at"] == rfc3339(START + 2 * DAY)
    assert (second["devices"], second["origins"]) == (["mobile", "desktop"], ["direct", "library.ox.ac.uk"])


def test_what_changes_nothing_a_shop_may_know_is_not_told() -> None:
    shop = Shop(rules())
    shop.student()
    assert shop.student(START + HOUR, registered_at=rfc3339(START), birth_date="1998-01-01") == []
    assert shop.read("web-sessions", shop.history.cart(START + DAY, ["p"])) == []
    viewed = {"session_id": "s", "product_id": "p", "customer_id": "c1"}
    assert shop.read("web-sessions", shop.history.add("web-sessions", "product.viewed", START + DAY, **viewed)) == []
    assert shop.told(START + 900 * DAY) == [], "a prospect stays one"


def test_a_shop_is_told_of_nobody_whose_consent_does_not_count() -> None:
    shop = Shop(rules())
    assert shop.read("customers", shop.history.profile(START, reach=("email", "push"))) == []
    assert shop.visit(START + HOUR, "one", anonymous_id="cookie", customer_id=None) == []
    word = {"channel": "onsite", "status": "granted", "at": rfc3339(START + DAY)}
    assert shop.student(START + DAY, consents=[{**word, "purpose": "service"}]) == []
    assert only(shop.student(START + 2 * DAY, consents=[{**word, "purpose": "marketing"}]))["visits"] == 0
    assert shop.read("customers", shop.history.withdraw(START + 3 * DAY, "onsite")) == [("acme:c1", None)]


def test_an_unsubscription_onsite_withdraws_the_profile() -> None:
    shop = Shop(rules())
    shop.student()
    said = {"channel": "onsite", "status": "unsubscribed", "customer_id": "c1"}
    assert shop.read("channel-feedback", shop.history.add("channel-feedback", "feedback", START + DAY, **said)) == [
        ("acme:c1", None)
    ]


def test_a_consent_that_waits_for_its_confirmation_does_not_count() -> None:
    shop = Shop(rules(double_opt_in=True))
    assert shop.student() == []
    word = {"channel": "onsite", "purpose": "marketing", "status": "granted", "at": rfc3339(START)}
    soon = {**word, "confirmed_at": rfc3339(START + DAY + HOUR)}
    assert shop.student(START + DAY, consents=[soon]) == [], "confirmed by a clock that is ahead"
    assert only(shop.told(START + 2 * DAY))["as_of"] == rfc3339(START + DAY + HOUR)


def test_time_alone_is_told_at_its_moment() -> None:
    shop = Shop(rules())
    shop.student()
    shop.read("catalog", shop.history.product(START, "p", category="covers"))
    order = only(shop.read("orders", shop.history.order(START + DAY, ["p"])))
    assert (order["stage"], order["affinities"]) == ("new", ["covers"])
    told = [only([row]) for row in shop.told(START + 200 * DAY)]
    changes = [(row["as_of"], row["stage"], row["segments"], row["affinities"]) for row in told]
    assert changes == [
        (rfc3339(START + 2 * DAY), "active", ["academic"], ["covers"]),
        (rfc3339(START + 21 * DAY), "at_risk", ["academic", "silent"], ["covers"]),
        (rfc3339(START + 41 * DAY), "lapsed", ["academic", "silent"], ["covers"]),
        (rfc3339(START + 126 * DAY), "lapsed", ["academic", "silent"], []),
    ]


def test_affinities_are_what_was_kept_most_often() -> None:
    shop = Shop(rules())
    shop.student()
    for product in "abcdefg":
        shop.read("catalog", shop.history.product(START, product, category=f"of-{product}"))
    shop.read("catalog", shop.history.product(START, "h"))
    shop.read("orders", shop.history.order(START + DAY, list("abcdefgh"), "o1"))
    told = only(shop.read("orders", shop.history.order(START + 2 * DAY, ["g", "a"], "o2")))
    assert told["affinities"] == ["of-a", "of-g", "of-b", "of-c", "of-d"]
    told = only(shop.read("returns", shop.history.back(START + 3 * DAY, {"b": 1}, order_id="o1")))
    assert told["affinities"] == ["of-a", "of-g", "of-c", "of-d", "of-e"]


def welcoming(**fields: Any) -> Campaign:
    offer = {"kind": "percent", "value": "10", "code": "HELLO", "valid_for": "5d"}
    return campaign("welcome", after="1h", channels=["onsite"], **{"offer": offer} | fields)


def test_an_offer_is_open_from_its_message_to_its_end() -> None:
    shop = Shop(rules(), campaigns=(welcoming(),))
    assert only(shop.student())["offers"] == []
    opened, over = shop.told(START + 30 * DAY)
    terms = {"kind": "percent", "value": "10", "code": "HELLO", "pool": None, "campaign": "welcome"}
    assert only([opened])["offers"] == [{**terms, "valid_until": rfc3339(START + HOUR + 5 * DAY)}]
    assert (only([over])["offers"], only([over])["as_of"]) == ([], rfc3339(START + HOUR + 5 * DAY))


def test_an_offer_is_withdrawn_with_its_message_by_the_parcel_too() -> None:
    """A delivery is no trade, but it undoes the message about the delay."""
    offer = {"kind": "percent", "value": "10", "code": "SORRY", "valid_for": "5d"}
    late = campaign("delivery_late", after="1h", channels=["onsite"], purpose="marketing", offer=offer)
    shop = Shop(rules(lifecycle={"rhythm": RHYTHM, "new_for": "9d"}, in_flight="1d"), campaigns=(late,))
    shop.student()
    shop.read("orders", shop.history.order(START + HOUR, ["p"], "o1", promised_at=rfc3339(START + DAY)))
    assert only(shop.told(START + DAY + 2 * HOUR))["offers"][0]["code"] == "SORRY"
    delivered = shop.history.of_order("delivered", START + DAY + 3 * HOUR, "o1")
    assert only(shop.read("orders", delivered))["offers"] == []


def test_an_offer_stays_as_its_message_said_though_the_campaign_has_changed() -> None:
    shop = Shop(rules(), campaigns=(welcoming(),))
    shop.student()
    assert only(shop.told(START + 2 * HOUR))["offers"][0]["code"] == "HELLO"
    changed = welcoming(offer={"kind": "gift", "valid_for": "5d"})
    shop.publish(START + 3 * HOUR, campaigns=(changed,))
    assert shop.told(START + DAY) == []
    assert only(shop.visit(START + DAY, "one"))["offers"][0]["code"] == "HELLO"


def test_offers_of_an_experiment_are_those_of_the_customers_arm() -> None:
    arms = [
        {"id": "plain", "weight": 0},
        {"id": "rich", "offer": {"kind": "gift", "value": None, "valid_for": "40d"}},
    ]
    shop = Shop(rules(), campaigns=(welcoming(experiment={"arms": arms}),))
    shop.student()
    opened, over = shop.told(START + 90 * DAY)
    assert [offer["kind"] for offer in only([opened])["offers"]] == ["gift"]
    assert only([over])["as_of"] == rfc3339(START + HOUR + 30 * DAY), "longer than that nothing is remembered of it"


def test_an_offer_that_was_taken_back_is_not_open() -> None:
    arms = campaign("second_purchase", after="1d", channels=["onsite"], offer={"kind": "gift", "valid_for": "9d"})
    shop = Shop(rules(), campaigns=(arms,))
    shop.student()
    shop.read("catalog", shop.history.product(START, "p", ["q"]))
    shop.read("catalog", shop.history.product(START, "q"))
    shop.read("orders", shop.history.order(START + DAY, ["p"]))
    assert [offer["kind"] for offer in shop.told(START + 2 * DAY + 1)[-1][1]["offers"]] == ["gift"]
    told = only(shop.read("orders", shop.history.order(START + 2 * DAY + MINUTE, ["p"], "o2")))
    assert told["offers"] == []


def test_brands_that_do_not_ask_are_told_nothing_and_set_no_timer() -> None:
    shop = Shop(rules(profile=False))
    assert shop.student() == []
    assert shop.visit(START + DAY, "one") == []
    assert shop.read("orders", shop.history.order(START + DAY, ["p"])) == []
    state = shop.partition.states.live["c1"]
    assert (state.timers, state.sessions) == ({}, {})


def test_each_brand_is_told_of_its_own_customers_only() -> None:
    shop = Shop(rules(), rules("zest"), rules("quiet", profile=False))
    shop.student()
    told = dict(shop.student(START + DAY, brand="zest"))
    assert list(told) == ["zest:c1"]
    told = dict(shop.visit(START + DAY, "one"))
    assert list(told) == ["acme:c1"]
    assert shop.student(START + DAY, brand="quiet") == []


def test_a_shop_that_begins_to_ask_is_told_of_everybody_and_one_that_ends_forgets_everybody() -> None:
    shop = Shop(rules(profile=False))
    shop.student()
    shop.read("orders", shop.history.order(START + DAY, ["p"]))
    assert shop.told() == []
    shop.publish(START + 5 * DAY, rules())
    assert only(shop.told())["as_of"] == rfc3339(START + 5 * DAY)
    shop.publish(START + 6 * DAY, rules(profile=False))
    assert shop.told(START + 7 * DAY) == [("acme:c1", None)]
    assert shop.visit(START + 8 * DAY, "one") == []
    assert shop.told(START + 90 * DAY) == []


def test_new_segments_are_told_when_they_come_into_force() -> None:
    shop = Shop(rules())
    shop.student()
    shop.publish(START + DAY, rules(segments=[{"id": "b2c", "name": "Persons", "company": False}]))
    assert only(shop.told(START + 2 * DAY))["segments"] == ["b2c"]


def merging(kind: str, customer: str, at: int, **data: str) -> Envelope:
    merge = {"merge": f"c2>c1@{at}", **data}
    return Envelope(f"{kind}/{at}", kind, "identity", customer, at, at, data=merge)


def test_a_merged_id_is_forgotten_and_the_survivor_has_what_both_did() -> None:
    shop = Shop(rules())
    shop.student()
    shop.student(customer_id="c2")
    shop.visit(START + DAY, "one")
    shop.visit(START + 2 * DAY, "two", customer_id="c2", device="app")
    at = START + 3 * DAY
    assert shop.take(merging("merge.expected", "c1", at, **{"from": "c2"})) == []
    told = dict(shop.take(merging("merge.out", "c2", at, to="c1")))
    assert told["acme:c2"] is None
    assert (told["acme:c1"]["visits"], told["acme:c1"]["devices"]) == (2, ["app", "other"])
    assert shop.visit(START + 4 * DAY, "three", customer_id="c2")[0][0] == "acme:c1"


def test_who_is_erased_is_forgotten_once() -> None:
    shop = Shop(rules())
    shop.student()
    erased = Envelope("x", "customer.erased", "customers", "c1", START + DAY, START + DAY, brand="acme")
    assert shop.take(erased) == [("acme:c1", None)]
    assert shop.visit(START + 2 * DAY, "one") == []
    assert shop.told(START + 90 * DAY) == []


@pytest.mark.parametrize("secret", ["1999", "ox.ac.uk", "cookie-9", "c1", "card-7", "two"])
def test_a_record_names_nobody(secret: str) -> None:
    shop = Shop(rules(segments=[]))
    shop.student(loyalty_card_ids=["card-7"])
    told = only(shop.visit(START + DAY, "two", anonymous_id="cookie-9"))
    assert secret not in msgspec.json.encode(told).decode()


def test_a_backtest_ends_with_what_the_topic_would_hold() -> None:
    history = History()
    for name in ("c1", "c2", "c3"):
        history.profile(START, name, reach=("onsite",), registered_at=rfc3339(START))
    history.withdraw(START + DAY, "onsite", customer_id="c2")
    history.erased(START + 2 * DAY, "c3")
    found = backtest_history(history.sources, [], [rules()], LATENESS, START + 90 * DAY).profiles
    assert list(found) == ["acme:c1"]
