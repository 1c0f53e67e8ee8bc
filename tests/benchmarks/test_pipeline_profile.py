"""The profile names kinds of work, and its rules fit the code as it is."""

from __future__ import annotations

import threading
import time
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.pipeline.bench import over_rounds
from benchmarks.pipeline.profile import as_markdown, summary
from benchmarks.pipeline.sampler import OTHER, RULES, Sampler, kind_of
from benchmarks.rows import NOT_RUN, mark
from schemas.envelope import Envelope
from streams import wire

ROOT = Path(__file__).parents[2]
OWN = ("streams/", "schemas/", "sinks/")


@pytest.mark.parametrize("part", sorted({part for part, _, _ in RULES}))
def test_every_rule_names_code_that_is_there(part: str) -> None:
    if part.startswith(OWN):
        assert (ROOT / part).exists()
    else:
        package, _, rest = part.partition("/")
        found = import_module(package).__file__  # Faust puts another module in its own place: one without a spec
        assert found is not None
        assert (Path(found).parent / rest).exists()


def test_the_first_rule_that_fits_counts() -> None:
    assert kind_of("/x/streams/wire.py", "decode_envelope") == "decode"
    assert kind_of("/x/streams/wire.py", "encode_envelope") == "encode"
    assert kind_of("/x/streams/decide/partition.py", "advance") == "rules"
    assert kind_of("/x/streams/decide/state.py", "decode_state") == "state"
    assert kind_of("/x/json/decoder.py", "decode") is None


def test_processor_time_is_booked_to_the_kind_of_work() -> None:
    value = wire.encode_envelope(Envelope("1", "feedback", "s", "c", 0, 0, data={str(n): n for n in range(2_000)}))
    done = threading.Event()

    def decode() -> None:
        while not done.is_set():
            wire.decode_envelope(value)

    sampler, worker = Sampler(), threading.Thread(target=decode)
    worker.start()
    sampler.start()
    deadline = time.monotonic() + 60
    while sampler.booked_s < 0.2 and time.monotonic() < deadline:
        time.sleep(0.05)
    done.set()
    worker.join()
    found = sampler.stop()
    assert next(iter(found["kinds"])) == "decode"
    assert sum(found["kinds"].values()) == pytest.approx(sum(found["functions"].values()))


def test_shares_add_up_and_become_a_table() -> None:
    found = {"kinds": {"rules": 3.0, "decode": 1.0, OTHER: 0.0}, "functions": {"a.py:f": 3.0, "b.py:g": 1.0}}
    made = summary(found, events=1_000_000)
    assert made["shares"] == {"rules": 0.75, "decode": 0.25, OTHER: 0.0}
    assert made["us_per_event"] == 4.0
    table = as_markdown({"decide": made}).splitlines()
    assert table[0] == "| kind of work | decide |"
    assert "| rules | 3.0 µs (75%) |" in table
    assert table[-1] == "| all | 4.0 µs |"


def test_a_ratio_is_of_the_same_round() -> None:
    row = over_rounds("x", "events/s", [10, 40, 20], against="y", others=[10, 20, 40], reach="ratio >= 1")
    assert row.ratio == 1
    assert row.value == 20
    assert row.spread == (10, 40)
    assert row.ok


def test_without_the_other_side_an_aim_is_not_run() -> None:
    row = over_rounds("x", "events/s", [10], against="y", reach="ratio >= 1")
    assert mark(row) == NOT_RUN
    assert not row.ok
