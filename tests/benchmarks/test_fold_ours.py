"""The fold on Cuepoint's runtime, as the benchmark starts it, on a real broker: decisions, states, commits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from benchmarks.fold.engines import OURS, OURS_100_MS, Engine
from benchmarks.fold.job import PARTITIONS, Answer, events
from benchmarks.fold.ours import POSITION_KEY
from benchmarks.fold.progress import Run
from benchmarks.fold.talk import Talk
from streams.settings import Settings
from tests.runtime.kit import Committed, make_topics, wait_until

EVENTS, CUSTOMERS = 9_000, 300


def write_input(settings: Settings, topic: str) -> Answer:
    answer = Answer()
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, linger_ms=20)
    for partition, key, value, event in events(EVENTS, CUSTOMERS):
        producer.send(settings.topic(topic), key=key, value=value, partition=partition)
        answer.add(event)
    producer.close()
    return answer


def run_engine(settings: Settings, engine: Engine, directory: Path) -> dict[str, float]:
    name = f"{settings.topic_prefix}-{engine.key}"
    topics = {part: settings.topic(f"{engine.key}-{part}") for part in ("decisions", "changelog")}
    run = Run(
        bootstrap=settings.bootstrap_servers,
        name=name,
        input=settings.topic("events"),
        output=topics["decisions"],
        changelog=topics["changelog"],
        events=EVENTS,
        interval_ms=engine.interval_ms,
        directory=str(directory),
    )
    with Talk(engine.command(run), directory / "log") as process:
        assert process.listen(60) == {"began": True}
        return process.listen(60)


def test_our_engine_gives_the_right_answer_and_says_how_it_committed(settings: Settings, tmp_path: Path) -> None:
    make_topics(
        settings, "events", *(f"{e.key}-{part}" for e in (OURS, OURS_100_MS) for part in ("decisions", "changelog"))
    )
    answer = write_input(settings, "events")
    for engine in (OURS, OURS_100_MS):
        said = run_engine(settings, engine, tmp_path)
        assert said["commits"] >= PARTITIONS
        assert said["seconds"] > 0
        with Committed(settings, f"{engine.key}-decisions") as decisions:
            found = [json.loads(r.value)["decision"] for r in decisions.read_until(len(answer.decisions), 20)]
        assert sorted(found) == sorted(answer.decisions)
        with Committed(settings, f"{engine.key}-changelog") as changelog:
            wait_until(lambda: folded_events(changelog) == EVENTS, 20, "the changelog's positions reach the end")
            states = {
                key.decode(): json.loads(r.value) for (_, key), r in latest(changelog).items() if key != POSITION_KEY
            }
        assert states == answer.states


def latest(changelog: Committed) -> dict[tuple[int, bytes], Any]:
    """The last record of each key of each partition."""
    return {(record.partition, record.key): record for record in changelog.read()}


def folded_events(changelog: Committed) -> int:
    """By the position records."""
    return sum(int(record.value) for (_, key), record in latest(changelog).items() if key == POSITION_KEY)
