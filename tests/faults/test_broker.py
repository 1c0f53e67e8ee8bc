"""The broker goes away and comes back: nothing is lost, doubled or wrong, and nobody has to help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from streams.errors import EXIT_TRY_AGAIN
from streams.runtime.worker import STOP_TIMEOUT_S
from tests.faults.broker_bounce import own_broker, stop_while_away, under_load, while_it_stands


@pytest.fixture(scope="module")
def broker_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """One broker for all of them, on one port."""
    with own_broker(tmp_path_factory.mktemp("own-broker")) as running:
        yield running


@pytest.fixture
def mortal(broker_of_module: LocalBroker) -> LocalBroker:
    """A broker that a test may end."""
    if broker_of_module.pid is None:
        broker_of_module.start()
    return broker_of_module


def test_five_bounces_under_load(mortal: LocalBroker, prefix: str, tmp_path: Path) -> None:
    figures = under_load(mortal, prefix, tmp_path, ["hard", "clean", "hard", "clean", "hard"])
    print(f"\n{figures}")
    assert figures.clean
    assert set(figures.exits) <= {EXIT_TRY_AGAIN}, figures.last_words


@pytest.mark.parametrize(
    ("point", "kind"),
    [("in_restore:1", "hard"), ("before_commit:20", "clean"), ("answer_lost:20", "hard")],
)
def test_a_bounce_at_the_worst_moment(mortal: LocalBroker, prefix: str, tmp_path: Path, point: str, kind: str) -> None:
    figures = while_it_stands(mortal, prefix, tmp_path, point, kind)
    print(f"\n{point}: {figures}")
    assert figures.clean
    assert set(figures.exits) <= {EXIT_TRY_AGAIN}, figures.last_words


def test_a_stop_ends_in_time_while_the_broker_is_away(mortal: LocalBroker, prefix: str, tmp_path: Path) -> None:
    code, seconds, said = stop_while_away(mortal, prefix, tmp_path)
    assert code == EXIT_TRY_AGAIN
    assert seconds < STOP_TIMEOUT_S
    assert "broker is away" in said
