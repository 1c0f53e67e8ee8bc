"""The decide stage on Kafka records: one partition of ``customer-events`` in, decisions and triggers out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from schemas.cloudevents import trigger_headers
from schemas.envelope import Envelope
from schemas.topics import MARK_KEY
from streams import metrics
from streams.decide.alarms import CUSTOMER, NEVER, WAKE_BYTES, WAKES_MAX, Alarms, wake_bytes
from streams.decide.forwarding import Forwarding, Levels
from streams.decide.partition import Partition
from streams.decide.product_news import News
from streams.decide.profiles import Profiles
from streams.decide.records import Made, Record
from streams.decide.rules import BROADCAST
from streams.decide.state import ERASED, NO_WAKE, STATE_VERSION, CustomerState, decode_state, encode_state, wake_of
from streams.decide.state_cache import StateCache
from streams.decide.watchers import Watchers
from streams.erasure import hasher
from streams.ordered import OrderedTask, Position, mark_records
from streams.progress import BEGINNING, TELL_MS, Counts, progress_record
from streams.reorder import ReorderBuffer, key_of
from streams.table import MemoryTable
from streams.task import Effects, Out, Table
from streams.upgrade import other_version
from streams.wire import Mark, decode_envelope, encode_envelope, encode_mark, partition_of

RULE = b"r|"
WAIT = b"w|"
"""Keys of ``Waiting.since``."""
WATCHER = b"p|"
"""Keys of ``Watchers``: brand, product, number of the bucket."""
SPREAD_SINCE = 4
"""State version since which a product's customers are spread over all of its buckets."""
LISTS_TELL_MS = 60_000
"""Between two ticks, lists hear how far everything is decided when it is so much further."""
ERASURE = b"e|"
"""Keys of who was erased: the hash of his name. Value: ``occurred_at`` of the erasure."""
PROFILE = b"s|"
"""Keys of what shops were told last of a customer, as ``Profiles.settle`` gives it."""
_NEVER = wake_bytes(NEVER)

_encoder = msgspec.json.Encoder()


class DecideTask(OrderedTask):
    """One partition number of decide."""

    stage = "decide"

    def __init__(
        self,
        partition: int,
        partitions: int,
        prefix: str,
        cache_bytes_max: int = 128 * 1_048_576,
        spill_dir: Path | None = None,
        wakes_max: int = WAKES_MAX,
        hash_key: str = "",
    ) -> None:
        """``hash_key``: of the hashes that are kept of erased customers."""
        super().__init__("customer-events", partition, ("intake", "identity"))
        self.partitions = partitions
        self.prefix = prefix
        self.hand_over = True
        self.counts = Counts()
        self._cache = StateCache(cache_bytes_max)
        self._table: Table = MemoryTable()
        self._customers = 0
        self._erasures = 0
        self._hash = hasher(hash_key)
        self._waits: dict[str, int] = {}
        """``Waiting.since`` as the table has it."""
        self._told_until = BEGINNING
        self._told_lists: int | None = None
        """Until when everything is decided, as the lists were told; None: there are none."""
        self._told_levels: dict[int, Levels] = {}
        """The last mark for each partition to which events are forwarded."""
        self._fold = Partition(
            self._fetch,
            self._scan,
            ReorderBuffer(directory=spill_dir),
            Alarms(wakes_max),
            Watchers(self._fetch_watchers),
            Forwarding(partial(partition_of, partitions=partitions), partition),
            self._erased_at,
            Profiles(self._fetch_shown),
        )
        self._fold.on_accepted = self._count
        self._fold.fold.sources = self.clock

    def accept(self, event: Envelope, offset: int, again: bool) -> None:
        """See ``OrderedTask``. Control records count where they are read."""
        if event.type == "control":
            self._control(event.data)
        elif again:
            self._fold.take_again(event, offset)
        else:
            self._fold.take(event, offset)
            if self._fold.telling.under_way or self._fold.waiting.ready:
                self.advancing = True

    def accept_levels(self, mark: Mark, again: bool) -> None:
        """See ``OrderedTask``. What was read before a restart is in the position record."""
        if not again:
            self._fold.hear(mark.task, mark.levels)
            self.advancing = self.advancing or bool(self._fold.waiting.ready)

    def advance(self, clock: int, steps: int) -> int:
        """See ``OrderedTask``."""
        return self._fold.advance(clock, steps)

    def first_waiting(self) -> int | None:
        """See ``OrderedTask``."""
        return self._fold.first_waiting()

    def through(self) -> Sequence[Any]:
        """See ``OrderedTask``."""
        return self._fold.through

    def extra(self) -> dict[str, Any]:
        """Counts and mode; and the version of the customers' states, which are not decoded at a start."""
        return {
            "counts": self.counts.dump(),
            "hand_over": self.hand_over,
            "live_from": self._fold.fold.live_from,
            "pauses": sorted(self._fold.fold.pauses),
            "customers": self._customers,
            "rearming": self._fold.telling.rearming,
            "news": self._fold.telling.news,
            "forwards": self._fold.forwarding.heights,
            "heard": self._fold.forwarding.heard,
            "told_lists": self._told_lists,
            "state_version": STATE_VERSION,
            "erasures": self._erasures,
            "planned": list(self._fold.planned),
        }

    def restore(self, table: Table, position: Position | None) -> None:
        """Rules and catalogue in their order, and the next wakes; customers stay in the table."""
        self._table = table
        rules = [decode_envelope(value) for _, value in table.scan(RULE)]
        planned = () if position is None else position.extra.get("planned", ())
        for event in sorted(rules, key=key_of):
            if event.id not in planned:
                self._fold.rules.apply(event)
        self._waits = {key[len(WAIT) :].decode(): int(value) for key, value in table.scan(WAIT)}
        self._fold.waiting.since = dict(self._waits)
        if position is not None:
            self._fold.through = tuple(position.through)
            self._load_extra(position.extra)
        for event in rules:
            if event.id in planned:
                self._fold.plan_again(event)
        self._fold.alarms.load(table.wakes)
        self._fold.waiting.look_again()
        self.advancing = self.advancing or bool(self._fold.waiting.ready)

    def _load_extra(self, extra: dict[str, Any]) -> None:
        if extra.get("state_version", 0) > STATE_VERSION:
            raise other_version("The customers' state", extra["state_version"], STATE_VERSION)
        if extra.get("state_version", 0) < SPREAD_SINCE:
            self._fold.watchers.spread([key[len(WATCHER) :].decode() for key, _ in self._table.scan(WATCHER)])
        self.counts.load(extra["counts"])
        self.hand_over = extra["hand_over"]
        self._fold.fold.live_from = extra["live_from"]
        self._fold.fold.pauses = frozenset((what, name, brand) for what, name, brand in extra.get("pauses", ()))
        if "customers" in extra:
            self._customers = extra["customers"]
        else:
            self._load_version_1()
        self._erasures = extra.get("erasures", 0)
        self._fold.forwarding.heights = extra.get("forwards", {})
        self._fold.forwarding.heard = extra.get("heard", {})
        self._told_lists = extra.get("told_lists")
        if extra.get("rearming") is not None:
            now, behind = extra["rearming"]
            self._fold.telling.rearming = (now, behind)
            self.advancing = True
        if extra.get("news") is not None:
            self._fold.telling.news = News(*extra["news"])
            self.advancing = True

    def _load_version_1(self) -> None:
        """State version 1 did not count its customers, nor note who waits: a merge id ends with its time."""
        for customer, value in self._scan(""):
            self._customers += 1
            for merge in decode_state(value).waits_for:
                self._fold.waiting.since[customer] = int(merge.rpartition("@")[2])

    def wake_of(self, key: bytes, value: bytes) -> bytes | None:
        """See ``streams.task.Timed``: customers have wakes."""
        if not key.startswith(CUSTOMER):
            return None
        wake = value[:WAKE_BYTES] if value < NO_WAKE else wake_of(value)
        return None if wake == _NEVER else wake

    def changed(self) -> bool:
        """See ``OrderedTask``."""
        fold = self._fold
        made = fold.states.dirty or fold.fold.made or fold.outgoing or fold.kept_rules or fold.fold.enlisted
        return (
            bool(made)
            or bool(fold.profiles.made)
            or self._lists_wait(LISTS_TELL_MS)
            or fold.waiting.since != self._waits
            or self._moved_on
            or self._has_news()
        )

    @property
    def _moved_on(self) -> bool:
        return self._fold.decided_until >= self._told_until + TELL_MS

    def collect(self, effects: Effects) -> None:
        """See ``OrderedTask``."""
        fold = self._fold
        for event in fold.outgoing:
            key = event.customer
            if event.type == "merge.in":
                self._told_levels.pop(partition_of(key, self.partitions), None)
            effects.records.append(
                Out("customer-events", partition_of(key, self.partitions), key.encode(), encode_envelope(event))
            )
        fold.outgoing.clear()
        self._collect_decisions(effects, fold.fold.made)
        fold.fold.made.clear()
        for event in fold.kept_rules:
            effects.state.append((rule_key(event), encode_envelope(event)))
        fold.kept_rules.clear()
        for brand, product, eff in fold.rules.forgotten:
            effects.state.append((_rule_key("catalog.item", brand, product, eff), None))
        fold.rules.forgotten.clear()
        self._collect_states(effects)
        self._collect_profiles(effects)
        effects.state += [(WATCHER + name.encode(), value) for name, value in fold.watchers.settle()]
        self._collect_waits(effects)
        self._collect_levels(effects)
        self._collect_candidates(effects)
        told = self._save_due or self._moved_on
        self._untold = self._untold or not told
        if told:
            self._told_until = fold.decided_until
            effects.records.append(self._progress())
            self._report()

    def _collect_states(self, effects: Effects) -> None:
        """Encode what has changed; then forget what the table has: the longest unchanged states, and far wakes."""
        states = self._fold.states
        live, dirty = states.live, states.dirty
        self._collect_erasures(effects)
        for customer in [customer for customer in dirty if live[customer].moved_to == ERASED]:
            del live[customer], dirty[customer]
            self._cache.forget(customer)
        for customer in dirty:
            value = encode_state(live[customer])
            effects.state.append((CUSTOMER + customer.encode(), value))
            self._cache.note(customer, len(value))
        self._customers += len(states.new)
        metrics.STATE_LOOKUPS.labels(self.partition, "miss").inc(states.fetched)
        metrics.STATE_LOOKUPS.labels(self.partition, "hit").inc(max(0, len(dirty) - states.fetched))
        self._cache.trim(live, dirty)
        dirty.clear()
        states.new.clear()
        states.fetched = 0
        effects.wakes_from = self._fold.alarms.settle()

    def _collect_erasures(self, effects: Effects) -> None:
        """Of who was erased the table keeps a hash."""
        states = self._fold.states
        for customer, at in states.erasures.items():
            key = ERASURE + self._hash(customer).encode()
            self._erasures += self._erased_at(customer) is None
            effects.state += [(CUSTOMER + customer.encode(), None), (key, b"%d" % at)]
        self._customers -= states.gone
        states.gone = 0
        states.erasures.clear()

    def _erased_at(self, customer: str) -> int | None:
        """When a customer was erased; None: he was not."""
        value = self._table.get(ERASURE + self._hash(customer).encode()) if self._erasures else None
        return None if value is None else int(value)

    def _collect_waits(self, effects: Effects) -> None:
        waits, stored = self._fold.waiting.since, self._waits
        if waits == stored:
            return
        for customer in sorted(stored.keys() - waits.keys()):
            effects.state.append((WAIT + customer.encode(), None))
        for customer, since in waits.items():
            if stored.get(customer) != since:
                effects.state.append((WAIT + customer.encode(), b"%d" % since))
        self._waits = dict(waits)

    def _has_news(self) -> bool:
        """Whether those to whom events are forwarded have to hear at once how far they are, not with the next tick."""
        forwarding = self._fold.forwarding
        if not forwarding.heights:
            return False
        now = forwarding.levels(self._fold.through[0])
        for number, height in forwarding.heights.items():
            told = self._told_levels.get(number, [])
            if len(told) <= height or any(new >= old + TELL_MS for old, new in zip(told, now, strict=False)):
                return True
        return False

    def _collect_levels(self, effects: Effects) -> None:
        """Marks for those to whom events are forwarded, behind the events."""
        forwarding = self._fold.forwarding
        self._untold = False
        if not forwarding.heights:
            return
        now, at_once = forwarding.levels(self._fold.through[0]), self._save_due or self._has_news()
        for number, height in forwarding.heights.items():
            levels = now[: height + 1]
            if levels == self._told_levels.get(number):
                continue
            if not at_once:
                self._untold = True
                continue
            self._told_levels[number] = levels
            mark = encode_mark(Mark("decide", self.partition, self.partitions, {}, levels=levels))
            effects.records.append(Out("customer-events", number, MARK_KEY, mark))

    def _lists_wait(self, most_ms: int) -> bool:
        """Whether the lists have not heard for so long how far everything is decided."""
        told = self._told_lists
        if told is None:
            return self._fold.rules.has_lists
        return self._fold.decided_until >= told + most_ms

    def _collect_candidates(self, effects: Effects) -> None:
        """Candidates to their lists, and behind them how far everything is decided: at a tick, or after a while."""
        enlisted = self._fold.fold.enlisted
        for event in enlisted:
            name = event.data["list"]
            place = partition_of(name, self.partitions)
            effects.records.append(Out("capacity-candidates", place, name.encode(), encode_envelope(event)))
        enlisted.clear()
        if not self._lists_wait(1):
            return
        if not self._save_due and not self._lists_wait(LISTS_TELL_MS):
            self._untold = True
            return
        self._told_lists = self._fold.decided_until
        mark = Mark("decide", self.partition, self.partitions, {"decide": self._told_lists})
        effects.records += mark_records(mark, ("capacity-candidates",), self.partitions)

    def _collect_decisions(self, effects: Effects, made: list[Made]) -> None:
        """Hand over what was decided, but not a send whose cancel is known already."""
        taken_back = {m.decision["decision_id"] for m in made if m.trigger and m.trigger["action"] == "cancel"}
        sent = {m.decision["decision_id"] for m in made if m.trigger and m.trigger["action"] == "send"}
        quiet = taken_back & sent
        kinds = Counter((m.decision["campaign"], m.decision["outcome"], m.decision["reason"]) for m in made)
        for labels, number in kinds.items():
            metrics.DECISIONS.labels(*labels).inc(number)
        for entry in made:
            decision, trigger = entry.decision, entry.trigger
            key = decision["customer_id"].encode()
            if trigger is not None and self.hand_over and decision["decision_id"] not in quiet:
                decision["handed_over"] = True
                effects.records.append(self._trigger(f"triggers.{decision['channel']}", trigger))
            effects.records.append(Out("decisions", self.partition, key, _encoder.encode(decision)))

    def _trigger(self, topic: str, trigger: Record) -> Out:
        """A cancel may belong to a customer of another partition, whom a merge made part of one of this."""
        customer = trigger["customer_id"]
        place = partition_of(customer, self.partitions)
        return Out(topic, place, customer.encode(), _encoder.encode(trigger), trigger_headers(self.prefix, trigger))

    def _collect_profiles(self, effects: Effects) -> None:
        """What shops may know, each change of it, and what they were told last."""
        profiles = self._fold.profiles
        for key, profile in profiles.made:
            value = None if profile is None else _encoder.encode(profile)
            effects.records.append(Out("customer-profile", self.partition, key.encode(), value))
        profiles.made.clear()
        effects.state += [(PROFILE + customer.encode(), value) for customer, value in profiles.settle()]

    def _fetch(self, customer: str) -> CustomerState | None:
        value = self._table.get(CUSTOMER + customer.encode())
        if value is None:
            return None
        self._cache.note(customer, len(value))
        return decode_state(value)

    def _fetch_shown(self, customer: str) -> bytes | None:
        return self._table.get(PROFILE + customer.encode())

    def _fetch_watchers(self, name: str) -> bytes | None:
        return self._table.get(WATCHER + name.encode())

    def _scan(self, behind: str) -> Iterator[tuple[str, bytes]]:
        for key, value in self._table.scan(CUSTOMER, CUSTOMER + behind.encode()):
            yield key[len(CUSTOMER) :].decode(), value

    def _control(self, data: dict[str, Any]) -> None:
        if data["kind"] == "replay":
            self.hand_over = data["hand_over"]
        elif data["kind"] == "live":
            self.hand_over = True
        self._fold.fold.obey(data)

    def _count(self, event: Envelope, fate: str) -> None:
        if event.type in BROADCAST and partition_of(event.id, self.partitions) != self.partition:
            return
        self.counts.add(event.source, fate)
        if fate == "accepted" and event.eff > event.at:
            self.counts.add(event.source, "late")

    def _report(self) -> None:
        self.counts.report()
        metrics.report_watermarks(self.stage, self.partition, self.clock.until())
        metrics.CUSTOMERS.labels(self.partition).set(self._customers)
        metrics.TIMERS.labels(self.partition).set(len(self._fold.alarms))
        metrics.WAITING.labels(self.stage, self.partition).set(len(self._fold))
        metrics.UPSTREAM_MISSING.labels(self.stage, self.partition).set(len(self.clock.missing()))

    def _progress(self) -> Out:
        return progress_record(
            self.stage,
            self.partition,
            self._fold.decided_until,
            self.counts,
            customers=self._customers,
            timers=len(self._fold.alarms),
            waiting=len(self._fold),
            missing=self.clock.missing(),
        )


def rule_key(event: Envelope) -> bytes:
    """Changelog key of a version of a campaign, of brand rules or of a product."""
    name = event.data.get("campaign") or event.data.get("product") or ""
    return _rule_key(event.type, event.brand or "", name, event.eff)


def _rule_key(kind: str, brand: str, name: str, eff: int) -> bytes:
    return RULE + f"{kind}|{brand}|{name}|{eff}".encode()
