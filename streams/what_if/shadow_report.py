"""The difference between the live set and its shadow, read from the broker."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from kafka import KafkaConsumer

from schemas.base import from_ms
from schemas.decisions import Progress
from schemas.topics import SHADOW_STAGE, STAGES
from streams.broker_logs import copy_of_state
from streams.campaign_diff import Change, differences
from streams.campaigns import CampaignSet
from streams.decide.alarms import CUSTOMER
from streams.decide.rules import Rules
from streams.decide.state import CustomerState, decode_state
from streams.decide.task import RULE
from streams.errors import BrokerError, InputError
from streams.intake.stamp import FUTURE_MS_MAX
from streams.ordered import POSITION_KEY, Position
from streams.reorder import key_of
from streams.settings import Settings
from streams.tools import POLL_MS, consumer, latest_values, partitions_of, read_progress
from streams.topics_admin import describe
from streams.what_if.compare import Difference, compare
from streams.what_if.decided import decided
from streams.what_if.facts import facts_of
from streams.wire import decode_envelope

MERGES_MAX = 20
"""How often the live state is read for who a merged customer is now; each time finds one link of every chain."""
_position = msgspec.msgpack.Decoder(Position)


def shadow_difference(
    settings: Settings, since: int | None, until: int | None, attribution_days: int
) -> tuple[Difference, list[Change]]:
    """The difference in a period (milliseconds, ``until`` exclusive), and what differs in the campaigns.

    The period is cut to the time that both have decided: from the shadow's beginning to the slower one's clock. Raises
    InputError when there is no shadow, or nothing of the period is decided.
    """
    if settings.topic(SHADOW_STAGE.changelog) not in describe(settings, [SHADOW_STAGE.changelog]):
        raise InputError("There is no shadow yet; start one with: cuepoint shadow --campaigns DIR.")
    with consumer(settings) as client:
        begin, end = _both_decided(client, settings)
        begin, end = max(begin, since or begin), min(end, until or end)
        if begin >= end:
            raise InputError(
                f"Live set and shadow have decided nothing together between {from_ms(begin):%Y-%m-%d %H:%M} and "
                f"{from_ms(end):%Y-%m-%d %H:%M} UTC; wait until the shadow has caught up, or name another period."
            )
        live, shadow = (
            decided(_decisions(client, settings, topic, begin)) for topic in ("decisions", "shadow-decisions")
        )
        rules = [_rules(client, settings, stage.changelog) for stage in (STAGES["decide"], SHADOW_STAGE)]
        states = _states(client, settings, {one.customer for side in (live, shadow) for one in side.values()})
    facts = facts_of(states, rules[0], end)
    sets = [_in_force(each, end) for each in rules]
    return compare(live, shadow, facts, attribution_days, begin, end), differences(*sets)


def _both_decided(client: KafkaConsumer, settings: Settings) -> tuple[int, int]:
    """When the last partition of the shadow began, and until when both have decided everything."""
    begins: list[int] = []
    for number in range(settings.partitions):
        state = copy_of_state(
            client, settings, (SHADOW_STAGE.changelog, number), wanted=lambda key: key == POSITION_KEY
        )
        if POSITION_KEY in state:
            begins.append(_position.decode(state[POSITION_KEY]).extra.get("shadow_since") or 0)
    told = latest_values(client, settings, "shadow-progress").values()
    clocks = [Progress.model_validate_json(value).clock for value in told]
    clocks += [row.clock for (stage, _), row in read_progress(client, settings).items() if stage == "decide"]
    known = [clock for clock in clocks if clock is not None]
    if len(begins) < settings.partitions or len(known) < 2 * settings.partitions:
        raise InputError("Not every partition of live set and shadow has decided something yet; try again later.")
    return max(0, *begins), min(known)


def _decisions(client: KafkaConsumer, settings: Settings, topic: str, since: int) -> Iterator[dict[str, Any]]:
    """Records of a topic of decisions from a moment on, and some from before it: the broker knows when it appended
    what, and nothing is decided further ahead of its time than events are accepted."""
    places = partitions_of(client, settings, topic)
    ends = client.end_offsets(places)
    found = client.offsets_for_times(dict.fromkeys(places, max(0, since - FUTURE_MS_MAX)))
    client.assign(places)
    for place in places:
        start = found.get(place)
        client.seek(place, ends[place] if start is None else start.offset)
    while any(client.position(place) < ends[place] for place in places):
        for batch in client.poll(timeout_ms=POLL_MS).values():
            yield from (msgspec.json.decode(record.value) for record in batch if record.value is not None)


def _rules(client: KafkaConsumer, settings: Settings, changelog: str) -> Rules:
    """Every version of the rules that a stage keeps; all its partitions keep the same."""
    rules = Rules()
    found = copy_of_state(client, settings, (changelog, 0), wanted=lambda key: key.startswith(RULE))
    for event in sorted((decode_envelope(value) for value in found.values()), key=key_of):
        rules.apply(event)
    return rules


def _in_force(rules: Rules, at: int) -> CampaignSet:
    known = rules.at(at)
    return CampaignSet(
        tuple(known.campaigns[name].campaign for name in sorted(known.campaigns)),
        tuple(known.brands[name].rules for name in sorted(known.brands)),
    )


def _states(client: KafkaConsumer, settings: Settings, customers: Collection[str]) -> list[CustomerState]:
    """The live states of these customers, and of those whom they became."""
    found: dict[str, CustomerState] = {}
    wanted = set(customers)
    for _ in range(MERGES_MAX):
        if not wanted:
            return list(found.values())
        keys = {CUSTOMER + customer.encode() for customer in wanted}
        for number in range(settings.partitions):
            values = copy_of_state(client, settings, (STAGES["decide"].changelog, number), wanted=keys.__contains__)
            for key, value in values.items():
                found[key[len(CUSTOMER) :].decode()] = decode_state(value)
        targets = {state.moved_to for state in found.values() if state.moved_to is not None}
        wanted = targets - found.keys() - wanted
    raise BrokerError(
        f"A chain of more than {MERGES_MAX} merged customers does not end ({sorted(wanted)[0]}); look at it with "
        "cuepoint explain."
    )
