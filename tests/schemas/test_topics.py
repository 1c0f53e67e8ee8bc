"""The topic catalogue is whole: names, keys, models, stages and who reads what."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from schemas.campaigns import OPTIONS
from schemas.customers import Channel
from schemas.generate import MODELS, classes, reachable
from schemas.meanings import MEANINGS, meaning
from schemas.topics import (
    CATALOGUE,
    CHANNELS,
    INPUTS,
    INTERNAL,
    MARK_KEY,
    OUTPUTS,
    RECORD_BYTES_MAX_INPUT,
    SHADOW,
    SHADOW_STAGE,
    SINK_INPUTS,
    STAGES,
    TOPICS,
    Topic,
    full_name,
)

EVERY = (*INPUTS, *SINK_INPUTS, *INTERNAL, *OUTPUTS, *SHADOW)
EVERY_STAGE = (*STAGES.values(), SHADOW_STAGE)
NO_MODEL = {"(internal)", "(original bytes)"}


def test_names_are_unique_and_are_names_of_kafka() -> None:
    names = [topic.name for topic in EVERY]
    assert len(set(names)) == len(names) == len(CATALOGUE) == len(TOPICS) + len(SHADOW)
    assert all(re.fullmatch(r"[a-z][a-z.-]*", name) for name in names)
    assert full_name("shop", "orders") == "shop.orders"


@pytest.mark.parametrize("topic", EVERY, ids=lambda topic: topic.name)
def test_a_topic_says_who_what_and_how_long(topic: Topic) -> None:
    assert topic.key
    assert topic.owner
    assert topic.producers
    assert topic.consumers
    assert topic.retention_ms > 0
    assert topic.schema in MODELS or topic.schema in NO_MODEL


def test_no_model_is_orphaned() -> None:
    assert {topic.schema for topic in EVERY} - NO_MODEL == set(MODELS)


@pytest.mark.parametrize("stage", EVERY_STAGE, ids=lambda stage: stage.name)
def test_a_stage_reads_topics_that_exist_and_keeps_a_compacted_changelog(stage: object) -> None:
    assert isinstance(stage, type(STAGES["intake"]))
    assert all(stage.name in CATALOGUE[name].consumers for name in stage.inputs)
    assert stage.name in CATALOGUE[stage.changelog].producers
    assert CATALOGUE[stage.changelog].cleanup == "compact"


def test_every_topic_that_names_a_stage_as_reader_is_read_by_it() -> None:
    for topic in EVERY:
        for stage in EVERY_STAGE:
            if stage.name in topic.consumers:
                assert topic.name in (*stage.inputs, stage.changelog, "switch")


def test_what_is_a_state_is_compacted_and_what_is_an_event_is_kept_for_a_while() -> None:
    compacted = {topic.name for topic in EVERY if topic.cleanup == "compact"}
    changelogs = {stage.changelog for stage in EVERY_STAGE}
    assert compacted == {
        "catalog",
        "campaigns",
        "campaign-history",
        "control",
        "erasures",
        "forecasts",
        "progress",
        "switch",
        "customer-profile",
        "shadow-progress",
        *changelogs,
    }


def test_topics_of_a_stage_are_partitioned_alike() -> None:
    assert all(CATALOGUE[name].partitioned for stage in EVERY_STAGE for name in (*stage.inputs, stage.changelog))


def test_every_channel_has_its_trigger_topic() -> None:
    assert get_args(Channel) == CHANNELS
    assert {topic.name for topic in OUTPUTS if topic.schema == "Trigger"} == {f"triggers.{name}" for name in CHANNELS}


def test_an_input_that_breaks_its_limit_still_fits_into_its_topic() -> None:
    assert all(topic.record_bytes_max > RECORD_BYTES_MAX_INPUT for topic in INPUTS)


def test_no_customer_can_have_the_key_of_a_mark() -> None:
    assert b"\x00" in MARK_KEY


def test_every_field_of_every_contract_has_one_meaning_and_none_is_stale() -> None:
    models = {name: model for one in (*MODELS.values(), *OPTIONS.values()) for name, model in reachable(one).items()}
    used: set[tuple[str, str]] = set()
    for model in models.values():
        for field in model.model_fields:
            assert meaning(model, field)
            owner = next((a.__name__ for a in model.__mro__ if field in MEANINGS.get(a.__name__, {})), "")
            assert not (model.model_fields[field].description and owner == model.__name__), f"{model}.{field}: twice"
            used.add((owner, field))
    (envelope,) = classes(MODELS["Envelope"])
    used |= {("Envelope", field) for field in getattr(envelope, "__struct_fields__", ())}
    stale = {(owner, field) for owner, said in MEANINGS.items() for field in said} - used
    assert stale == set()


def test_a_shadow_writes_topics_of_its_own_and_nobody_else_does() -> None:
    assert [topic for topic in EVERY if "shadow" in topic.producers] == list(SHADOW)
    assert all(set(topic.producers) <= {"shadow", "tools"} for topic in SHADOW)
    assert not {topic.name for topic in SHADOW} & TOPICS.keys(), "a pipeline without a shadow has none"
