"""Triggers carry CloudEvents 1.0 attributes as headers."""

from __future__ import annotations

from schemas.cloudevents import trigger_headers

TRIGGER = {"action": "send", "decision_id": "ab" * 16, "customer_id": "c1", "valid_from": "2011-02-03T00:00:00.000Z"}


def test_headers_name_the_trigger_and_its_contract() -> None:
    assert dict(trigger_headers("shop", TRIGGER)) == {
        "ce_specversion": b"1.0",
        "ce_id": b"ab" * 16 + b"-send",
        "ce_source": b"/cuepoint/shop/decide",
        "ce_type": b"cuepoint.trigger.send.v1",
        "ce_time": b"2011-02-03T00:00:00.000Z",
        "ce_subject": b"c1",
        "ce_dataschema": b"urn:cuepoint:schema:trigger:1",
        "content-type": b"application/json",
    }


def test_a_cancel_has_a_type_and_an_id_of_its_own() -> None:
    headers = dict(trigger_headers("shop", {**TRIGGER, "action": "cancel"}))
    assert headers["ce_type"] == b"cuepoint.trigger.cancel.v1"
    assert headers["ce_id"] == b"ab" * 16 + b"-cancel"
