"""``cuepoint contract-test``: does a channel service keep the contract?"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from schemas.topics import CHANNELS
from sinks.channels.contract import play
from sinks.channels.contract.rules import RULES
from streams.cli_common import settings

EXIT_FAILED = 1


@click.command("contract-test")
@click.option("--channel", type=click.Choice(CHANNELS), required=True, help="Whose service is tested.")
@click.option("--bootstrap", help="Kafka brokers, host:port  [default: the setting bootstrap_servers]")
@click.option("--prefix", default="contract-test", show_default=True, help="Topic prefix of the service under test.")
@click.option("--group", help="Consumer group of the service  [default: PREFIX-channel-CHANNEL]")
@click.option("--timeout-s", default=60.0, show_default=True, help="Seconds within which an answer has to come.")
@click.option("--settle-s", default=3.0, show_default=True, help="Seconds to listen for answers that must not come.")
@click.option(
    "--sent",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to which the service appends the decision id of each message as it leaves, one a line.",
)
@click.option("--skip", "skipped", multiple=True, help="Leave this rule out; may be given several times.")
@click.option("--on-live-prefix", is_flag=True, help="The prefix may be a pipeline's: customers are contract-test-….")
@click.option("--brand", default="contract-test", show_default=True, help="Brand of the played decisions.")
@click.option("--market", default="GB", show_default=True, help="Market of the played decisions.")
@click.option("--topics-only", is_flag=True, help="Create the topics that the service needs to start, and end.")
def contract_test(
    channel: str,
    bootstrap: str | None,
    prefix: str,
    group: str | None,
    timeout_s: float,
    settle_s: float,
    sent: Path | None,
    skipped: tuple[str, ...],
    on_live_prefix: bool,
    brand: str,
    market: str,
    topics_only: bool,
) -> None:
    """Play duplicates, cancels, expiry, disorder and a rebalance against a running channel service.

    Start the service with the same topic prefix first. Its answers on channel-feedback are judged rule by rule; the
    exit code is 0 when every rule is kept, 1 when one is not, or could not be run.
    """
    for rule in skipped:
        if rule not in RULES:
            raise click.BadParameter(f"{rule!r} is no rule; rules are {', '.join(RULES)}.", param_hint="--skip")
    config = settings(bootstrap_servers=bootstrap, topic_prefix=prefix)
    wish = play.Wish(
        channel, group, timeout_s, settle_s, frozenset(skipped), sent, brand, market, on_live_prefix=on_live_prefix
    )
    if topics_only:
        made = play.make_topics(config, wish)
        click.echo(f"Created {', '.join(made)}." if made else "The topics are there.")
        return
    result = play.contract_test(config, wish, lambda words: click.echo(words, err=True))
    _show(result, wish)
    sys.exit(0 if result.passed else EXIT_FAILED)


def _show(result: play.Result, wish: play.Wish) -> None:
    """A row for each rule, with the first problem, and how many more there are."""
    table = Table("rule", "result", "meaning, or what was found")
    for rule, meaning in RULES.items():
        problems = result.problems.get(rule, [])
        if rule in wish.skip:
            table.add_row(rule, "skipped", meaning)
        elif rule in result.not_run:
            table.add_row(rule, "[yellow]NOT RUN[/]", result.not_run[rule])
        elif problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            table.add_row(rule, "[red]FAIL[/]", problems[0] + more)
        else:
            table.add_row(rule, "[green]pass[/]", meaning)
    console = Console()
    console.print(table)
    failed = sum(1 for problems in result.problems.values() if problems)
    passed = len(result.problems) - failed
    console.print(
        f"{passed} passed, {failed} failed, {len(result.not_run)} not run, {len(wish.skip)} skipped; "
        + ("sends were counted too." if wish.sent else "judged by the answers alone (--sent counts what has left).")
    )
