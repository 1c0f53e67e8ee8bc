"""What the simulator writes: valid contracts, in order of arrival, labelled, and the same bytes for the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from schemas.base import to_minor, to_ms
from streams.cli import main
from streams.errors import InputError
from streams.replay.arrivals import arrivals
from streams.replay.files import SOURCES, merged
from streams.simulate import simulate_from_online_retail, simulate_retailer
from tests.simulate.kit import CONTRACTS, Written

FIXTURE = Path(__file__).parents[1] / "fixtures" / "invoices.csv"


def test_every_line_that_is_not_broken_on_purpose_keeps_its_contract(retailer: Written) -> None:
    for source in SOURCES:
        assert len(retailer.events[source]) + len(retailer.broken[source]) == len(retailer.lines[source])
        assert not any(event.__pydantic_extra__ for event in retailer.events[source]), source


def test_no_amount_is_finer_than_its_currency(retailer: Written) -> None:
    for source in ("orders", "pos-transactions"):
        for event in retailer.events[source]:
            for line in getattr(event, "lines", []):
                if hasattr(line, "unit_price"):
                    assert to_minor(line.unit_price, event.currency) >= 0


def test_broken_lines_are_broken_in_the_way_that_the_truth_says(retailer: Written) -> None:
    ruled_out_by_contract = {"missing_field", "unknown_type", "unknown_market", "unknown_currency", "invalid_field"}
    reasons = Counter(fact["reason"] for fact in retailer.truth["broken"])
    assert len(reasons) >= 6
    for fact in retailer.truth["broken"]:
        if fact["reason"] in ruled_out_by_contract | {"not_json", "naive_time"}:
            with pytest.raises(ValidationError):
                CONTRACTS[fact["source"]].validate_json(fact["raw"])


def test_files_are_in_order_of_arrival(retailer: Written) -> None:
    for source, lines in retailer.lines.items():
        times = list(arrivals(lines, as_is=False))
        assert times == sorted(times), source
    assert sum(1 for _ in merged(retailer.directory)) == sum(retailer.summary["lines"].values())


def test_nothing_arrives_before_it_happens(retailer: Written) -> None:
    for events in retailer.events.values():
        assert all(event.arrived_at >= event.occurred_at for event in events)


def test_ids_are_unique_but_for_the_intended_duplicates(retailer: Written) -> None:
    repeats = Counter((fact["source"], fact["event_id"]) for fact in retailer.truth["duplicate"])
    for source, events in retailer.events.items():
        counts = Counter(event.event_id for event in events)
        more = {(source, name): count - 1 for name, count in counts.items() if count > 1}
        assert more == {key: count for key, count in repeats.items() if key[0] == source}


def test_duplicates_differ_in_their_arrival_only(retailer: Written) -> None:
    for events in retailer.events.values():
        first: dict[str, object] = {}
        for event in events:
            fact = event.model_copy(update={"arrived_at": None})
            assert first.setdefault(event.event_id, fact) == fact


def test_the_catalogue_is_there_before_everything_else(retailer: Written) -> None:
    first = {event.product_id: event for event in reversed(retailer.events["catalog"])}
    others = min(event.occurred_at for source in SOURCES if source != "catalog" for event in retailer.events[source])
    assert all(item.occurred_at < others for item in first.values())
    assert any(item.accessories for item in first.values())
    assert all(code in first for item in first.values() for code in item.accessories)
    assert not all(item.available for item in first.values())


def test_it_says_that_it_is_synthetic(retailer: Written) -> None:
    assert retailer.summary["label"] == "synthetic"
    assert set(retailer.summary["labels"].values()) == {"synthetic"}
    assert set(retailer.summary["labels"]) == set(SOURCES)


def test_equal_seeds_give_equal_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    script = "import sys; from streams.cli_data import simulate; simulate(sys.argv[1:])"
    for name, hash_seed, seed in (("a", "1", "7"), ("b", "2", "7"), ("c", "1", "8")):
        arguments = [str(tmp_path / name), "--customers", "40", "--days", "60", "--seed", seed]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, env=environment, capture_output=True)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    assert (tmp_path / "a" / "orders.jsonl").read_bytes() != (tmp_path / "c" / "orders.jsonl").read_bytes()


def test_real_orders_stay_as_they_are_in_the_data_set(tmp_path: Path) -> None:
    simulation = simulate_from_online_retail(FIXTURE, tmp_path, seed=1)
    written = Written(tmp_path)
    placed = {event.order_id: event for event in written.of_type("orders", "order.placed")}
    real = {order_id for order_id in placed if not order_id.endswith("-again")}
    assert real == {"700001", "700002", "700007", "700008", "700009", "700010"}
    order = placed["700009"]
    assert [(line.product_id, line.quantity, line.unit_price) for line in order.lines] == [("99009BL", 3, "7.25")]
    assert (order.market, order.currency, to_ms(order.occurred_at)) == ("IE", "GBP", 1_309_777_200_000)
    guest = placed["700007"]
    names = ("customer_id", "email_hash", "loyalty_card_id", "device_id", "anonymous_id")
    assert [getattr(guest, name) for name in names] == [None] * 5
    refunds = {event.return_id: event for event in written.of_type("returns", "refund.issued")}
    assert refunds["C700006"].order_id is None
    assert simulation.labels["orders"].startswith("real: placed orders")
    assert simulation.labels["web-sessions"] == "synthetic"
    assert simulation.report["exact_duplicate_lines"] == 1


def test_the_command_writes_files_and_says_what_they_are(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["simulate", str(tmp_path), "--customers", "5", "--days", "20", "--seed", "3"])
    assert result.exit_code == 0, result.output
    assert "Synthetic data (simulated retailer, seed 3)" in result.output
    assert all((tmp_path / f"{source}.jsonl").exists() for source in SOURCES)


@pytest.mark.parametrize(("customers", "days"), [(1, 2), (2, 400)])
def test_the_smallest_retailers_work(tmp_path: Path, customers: int, days: int) -> None:
    simulate_retailer(tmp_path, customers, days, seed=5)
    assert Written(tmp_path).of_type("orders", "order.placed")


def test_impossible_sizes_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"customers is 0; choose a number from 1 to 200,000"):
        simulate_retailer(tmp_path, 0, 30, seed=1)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        simulate_retailer(tmp_path / "taken", 2, 30, seed=1)
