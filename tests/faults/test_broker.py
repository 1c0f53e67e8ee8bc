"""The broker goes away and comes back: nothing is lost, doubled or wrong, and nobody has to help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from streams.errors import EXIT_TRY_AGAIN
from streams.runtime.worker import STOP_TIMEOUT_S
from tests.faults.broker_bounce import stop_while_away, under_load, while_it_stands


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A broker that these tests may end; each leaves it running, but the last."""
    with LocalBroker(tmp_path_factory.mktemp("own-broker"), short_lived=True, heap_mb=256) as running:
        yield running


def test_five_bounces_under_load(own_broker: LocalBroker, prefix: str, tmp_path: Path) -> None:
    figures = under_load(own_broker, prefix, tmp_path, ["hard", "clean", "hard", "clean", "hard"])
    print(f"\n{figures}")
    assert figures.clean
    assert set(figures.exits) <= {EXIT_TRY_AGAIN}, figures.last_words


@pytest.mark.parametrize(
    ("point", "kind"),
    [("in_restore:1", "hard"), ("before_commit:20", "clean"), ("answer_lost:20", "hard")],
)
def test_a_bounce_at_the_worst_moment(
    own_broker: LocalBroker, prefix: str, tmp_path: Path, point: str, kind: str
) -> None:
    figures = while_it_stands(own_broker, prefix, tmp_path, point, kind)
    print(f"\n{point}: {figures}")
    assert figures.clean
    assert set(figures.exits) <= {EXIT_TRY_AGAIN}, figures.last_words


def test_a_stop_ends_in_time_while_the_broker_is_away(own_broker: LocalBroker, prefix: str, tmp_path: Path) -> None:
    code, seconds, said = stop_while_away(own_broker, prefix, tmp_path)
    own_broker.start()
    assert code == EXIT_TRY_AGAIN
    assert seconds < STOP_TIMEOUT_S
    assert "broker is away" in said
