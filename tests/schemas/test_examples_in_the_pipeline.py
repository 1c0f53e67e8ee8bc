"""The examples are usable: intake takes those of the inputs, and those of internal topics are what it makes of them."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from schemas.base import to_ms
from schemas.cloudevents import DATA_SCHEMA
from schemas.decisions import OUTCOMES, REASONS, Decision, Trigger
from schemas.envelope import KIND_RANK, Envelope
from schemas.generate import contracts, examples, json_schema
from schemas.topics import INPUTS
from streams.intake.admit import Admission
from streams.intake.route import Routed
from streams.intake.validate import ADAPTERS, Rejection
from streams.wire import encode_envelope
from tests.schemas.kit import read, schema_accepts

INPUT_EXAMPLES = [(topic.name, kind) for topic in INPUTS if topic.name != "control" for kind in examples(topic.name)]


def admitted(source: str, kind: str) -> list[Routed]:
    value = examples(source)[kind]
    at = to_ms(ADAPTERS[source].validate_json(value).occurred_at)
    result = Admission(frozenset({"online-retail"})).admit(source, value, at, at)
    assert not isinstance(result, Rejection), result
    assert result
    return result


@pytest.mark.parametrize(("source", "kind"), INPUT_EXAMPLES)
def test_intake_takes_every_example_and_its_envelopes_keep_to_their_contract(source: str, kind: str) -> None:
    for topic, envelope in admitted(source, kind):
        assert schema_accepts(topic, encode_envelope(envelope))
        assert envelope.type in KIND_RANK


@pytest.mark.parametrize(
    ("contract", "source", "kind"),
    [("identity-events", "web-sessions", "cart.updated"), ("customer-events", "orders", "order.placed")],
)
def test_the_example_of_an_internal_topic_is_what_intake_makes(contract: str, source: str, kind: str) -> None:
    example = read(contract, examples(contract)["envelope"])
    assert isinstance(example, Envelope)
    topic, made = admitted(source, kind)[0]
    assert (topic, msgspec.structs.replace(made, eff=example.eff)) == (contract, example)


@pytest.mark.parametrize("contract", ["decisions", "triggers"])
def test_examples_of_outputs_use_known_codes_and_derived_ids(contract: str) -> None:
    for value in examples(contract).values():
        record = read(contract, value)
        assert isinstance(record, Decision | Trigger)
        assert record.reason in REASONS
        if isinstance(record, Decision):
            assert record.outcome in OUTCOMES
            key = f"{record.brand}|{record.campaign}|{record.episode}|{record.step}"
            assert record.decision_id == sha256(key.encode()).hexdigest()[:32]


def test_the_schema_that_triggers_name_in_their_header_is_theirs() -> None:
    assert json_schema("triggers")["$id"] == DATA_SCHEMA


def test_every_contract_has_a_schema_of_its_own_id() -> None:
    ids = [json_schema(contract)["$id"] for contract in contracts()]
    assert len(set(ids)) == len(ids)
