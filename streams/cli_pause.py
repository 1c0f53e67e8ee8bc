"""``cuepoint pause, resume, paused``: stop everything, a campaign or a channel, and let it go on."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from schemas.topics import CHANNELS
from streams.cli_common import settings
from streams.operate.pauses import Said, stops, switch
from streams.operate.pauses import pause as set_pause
from streams.replay.control import now
from streams.text_table import text_table
from streams.tools import consumer

BRAND = click.option("--brand", help="Of this brand only.")


def _by_and_reason(command: Callable[..., Any]) -> Callable[..., Any]:
    by = click.option("--by", default=getpass.getuser, show_default="the user of this machine", help="Who says it.")
    return by(click.option("--reason", default="", help="Why, for those who look later.")(command))


@click.group()
def pause() -> None:
    """Stop everything, a campaign or a channel."""


@pause.command("everything")
@_by_and_reason
def pause_everything(by: str, reason: str) -> None:
    """Stop decide from reading, within two seconds.

    Nothing is decided until cuepoint resume everything; then all of it is, in its order, and what is no longer valid by
    then is not sent.
    """
    switch(settings(), True, Said(now(), by, reason))
    click.echo("everything is paused; go on with: cuepoint resume everything")


@pause.command("campaign")
@click.argument("campaign")
@BRAND
@_by_and_reason
def pause_campaign(campaign: str, brand: str | None, by: str, reason: str) -> None:
    """Stop the messages of a CAMPAIGN.

    Those that come due until it goes on are suppressed (campaign_paused) and do not come later. What channels have been
    given already is not taken back.
    """
    _set("campaign", campaign, brand, True, by, reason)


@pause.command("channel")
@click.argument("channel", type=click.Choice(CHANNELS))
@BRAND
@_by_and_reason
def pause_channel(channel: str, brand: str | None, by: str, reason: str) -> None:
    """Stop the messages on a CHANNEL.

    Campaigns with another channel use that; of the others what comes due until it goes on is suppressed
    (channel_paused) and does not come later.
    """
    _set("channel", channel, brand, True, by, reason)


@click.group()
def resume() -> None:
    """Let go on what was paused."""


@resume.command("everything")
@_by_and_reason
def resume_everything(by: str, reason: str) -> None:
    """Let decide read on."""
    switch(settings(), False, Said(now(), by, reason))
    click.echo("everything goes on")


@resume.command("campaign")
@click.argument("campaign")
@BRAND
@_by_and_reason
def resume_campaign(campaign: str, brand: str | None, by: str, reason: str) -> None:
    """Let the messages of a CAMPAIGN go again."""
    _set("campaign", campaign, brand, False, by, reason)


@resume.command("channel")
@click.argument("channel", type=click.Choice(CHANNELS))
@BRAND
@_by_and_reason
def resume_channel(channel: str, brand: str | None, by: str, reason: str) -> None:
    """Let the messages on a CHANNEL go again."""
    _set("channel", channel, brand, False, by, reason)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each.")
def paused(as_json: bool) -> None:
    """Show what is paused, since when, by whom and why."""
    config = settings()
    with consumer(config) as client:
        found = stops(client, config)
    if as_json:
        for stop in found:
            click.echo(json.dumps(asdict(stop)))
    elif not found:
        click.echo("nothing is paused")
    else:
        rows = ((stop.words, stop.since, stop.by, stop.reason) for stop in found)
        click.echo(text_table(("paused", "since", "by", "why"), rows))


def _set(what: str, name: str, brand: str | None, paused: bool, by: str, reason: str) -> None:
    stop = set_pause(settings(), what, name, brand, paused, Said(now(), by, reason))
    click.echo(f"{stop.words} is paused; go on with: {stop.resume}" if paused else f"{stop.words} goes on")
