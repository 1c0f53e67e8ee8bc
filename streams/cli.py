"""The command line ``cuepoint``: groups and their errors; the work is in the modules that it names."""

from __future__ import annotations

import sys
from typing import Any

import click

from streams.cli_analysts import forecasts, report, snapshot, sql
from streams.cli_backup import backup
from streams.cli_campaigns import campaigns
from streams.cli_channels import channel
from streams.cli_config import config
from streams.cli_contract_test import contract_test
from streams.cli_contracts import contracts, docs
from streams.cli_customer import customer
from streams.cli_data import identifier_hash, simulate
from streams.cli_demo import demo
from streams.cli_explain import explain
from streams.cli_ingest import ingest
from streams.cli_monitoring import monitoring
from streams.cli_operate import doctor, top
from streams.cli_pause import pause, paused, resume
from streams.cli_pipeline import backtest, go_live, replay, sink, up, worker
from streams.cli_platform import broker, topics
from streams.cli_quarantine import quarantine
from streams.cli_repartition import repartition
from streams.cli_shadow import shadow
from streams.cli_state import state
from streams.errors import CuepointError


class Cuepoint(click.Group):
    """Prints an error that a user can cause as its sentence and exits with its code."""

    def invoke(self, context: click.Context) -> Any:
        """See click."""
        try:
            return super().invoke(context)
        except CuepointError as error:
            click.echo(f"cuepoint: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=Cuepoint, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cuepoint")
def main() -> None:
    """Decides for every customer of a retailer whether a message is due, on which channel, and why or why not."""


for command in (
    broker,
    topics,
    up,
    worker,
    sink,
    replay,
    go_live,
    backtest,
    simulate,
    campaigns,
    identifier_hash,
    contracts,
    docs,
    quarantine,
    channel,
    demo,
    explain,
    shadow,
    customer,
    ingest,
    config,
    monitoring,
    top,
    doctor,
    pause,
    resume,
    paused,
    contract_test,
    sql,
    report,
    snapshot,
    forecasts,
    backup,
    state,
    repartition,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
