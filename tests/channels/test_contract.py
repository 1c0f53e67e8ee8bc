"""``cuepoint contract-test``: the kit keeps every rule; of broken services each fails exactly the rule it breaks.

Several services run beside each other, each under a topic prefix of its own.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.local.broker import LocalBroker
from sinks.channels import ChannelConsumer, Handler, Message, Outcome
from sinks.channels.contract.play import Result, Wish, contract_test
from sinks.channels.contract.rules import RULES
from streams.cli import main
from streams.errors import InputError
from streams.settings import Settings
from streams.topics_admin import ensure_topics
from tests.channels.broken import Plain
from tests.channels.kit import TOPICS
from tests.sinks.pipeline import produce

pytestmark = pytest.mark.timeout(600)
TIMEOUT_S = 45.0
"""For answers that a broken service owes: it waits so long for each round in which one is missing."""


AT_ONCE = 5
"""Services that are tested beside each other: more of them starve the broker on a small machine."""


class Outgoing(Handler):
    """Appends the decision id of each message to a file; ``twice`` does so twice."""

    def __init__(self, path: Path, twice: bool = False) -> None:
        self._path, self._times = path, 2 if twice else 1

    def send(self, message: Message) -> Outcome:
        with self._path.open("a") as file:
            file.write(f"{message.trigger.decision_id}\n" * self._times)
        return "delivered"


def _judged(settings: Settings, service: str, directory: Path) -> Result:
    config = settings.model_copy(
        update={"topic_prefix": f"{settings.topic_prefix}-{service}", "partitions": 2, "state_dir": directory / service}
    )
    ensure_topics(config, TOPICS)
    wish = Wish("email", timeout_s=TIMEOUT_S)
    if not service.startswith("kit"):
        with Plain(config, "email", service):
            return contract_test(config, wish)
    sent = directory / f"{service}.sent"
    with ChannelConsumer(config, "email", Outgoing(sent, service == "kit-twice")) as channel:
        thread = threading.Thread(target=channel.run)
        thread.start()
        try:
            return contract_test(config, Wish("email", timeout_s=120, sent=sent))
        finally:
            channel.stop()
            thread.join()


@pytest.fixture(scope="module")
def results(broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The verdict on each service: the kit's, one that sends twice in secret, a plain one, and the broken ones."""
    directory = tmp_path_factory.mktemp("contract")
    settings = Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=directory.name)
    first = settings.model_copy(update={"topic_prefix": f"{directory.name}-first", "partitions": 1})
    ensure_topics(first, TOPICS)
    produce(first, "triggers.email", [])  # the broker's first transaction, by itself
    services = ["kit", "kit-twice", "whole", *RULES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(services, pool.map(lambda name: _judged(settings, name, directory), services), strict=True))


@pytest.mark.parametrize("service", ["kit", "whole"])
def test_a_service_that_keeps_the_contract_passes_every_rule(results: dict[str, Result], service: str) -> None:
    assert results[service] == Result({rule: [] for rule in RULES}, {})
    assert results[service].passed


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_service_fails_exactly_the_rule_that_it_breaks(results: dict[str, Result], rule: str) -> None:
    failed = {name: problems for name, problems in results[rule].problems.items() if problems}
    assert set(failed) == {rule}, failed
    assert results[rule].not_run == {}
    assert not results[rule].passed


def test_what_leaves_twice_but_is_answered_once_is_seen_by_who_counts(results: dict[str, Result]) -> None:
    assert any("has left 2 times" in problem for problem in results["kit-twice"].problems["duplicates"])


def test_a_live_prefix_is_refused_and_so_is_a_brand_that_it_does_not_know(settings: Settings) -> None:
    ensure_topics(settings, ["control"])
    with pytest.raises(InputError, match=r"there is a topic .*\.control, so this is a pipeline's prefix"):
        contract_test(settings, Wish("email"))
    with pytest.raises(InputError, match="--on-live-prefix needs --brand"):
        contract_test(settings, Wish("email", on_live_prefix=True))


def test_without_a_service_it_says_so_and_an_unknown_rule_is_named(settings: Settings) -> None:
    arguments = ["contract-test", "--channel", "email", "--bootstrap", settings.bootstrap_servers]
    prefix = ["--prefix", settings.topic_prefix]
    silent = CliRunner().invoke(main, [*arguments, *prefix, "--timeout-s", "1", "--skip", "rebalance"])
    assert silent.exit_code == 2
    assert "Nothing was answered" in silent.output
    assert "'speed' is no rule; rules are answered" in CliRunner().invoke(main, [*arguments, "--skip", "speed"]).output
