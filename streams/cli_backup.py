"""``cuepoint backup``: take backups, restore them, and rehearse the disaster."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

import click

from schemas.topics import STAGES
from streams.backup.manifest import Manifest, find_backup, prune, read_manifest
from streams.cli_common import settings
from streams.errors import InputError
from streams.replay.control import now
from streams.settings import Settings

Backup = tuple[Path, Manifest]
EXIT_DIFFERS = 1
FOLDER = click.Path(path_type=Path, file_okay=False)
FROM_BEGINNING = click.option(
    "--from-beginning", is_flag=True, help="Without a backup: from the first record of all logs, if they still have it."
)


@click.group()
def backup() -> None:
    """Back up state and DuckDB, restore them, and rehearse that."""


@backup.command("create")
@click.argument("directory", type=FOLDER)
def create_backup(directory: Path) -> None:
    """Make a backup in a new folder below DIRECTORY, while the pipeline runs; delete those that are too old.

    A backup holds customers: who may read it may read them. It is kept for backup_kept_days.
    """
    from streams.backup.create import create

    click.echo(f"made {create(settings(), directory, now(), _say)}")
    _prune(directory)


@backup.command("prune")
@click.argument("directory", type=FOLDER)
def prune_backups(directory: Path) -> None:
    """Delete the backups below DIRECTORY that are older than backup_kept_days."""
    _prune(directory)


@backup.command("check")
@click.argument("directory", type=FOLDER)
def check_backup(directory: Path) -> None:
    """Say whether the backup DIRECTORY, or the newest below it, is whole and could be restored now.

    Exit code 1: it could not.
    """
    from streams.backup.check import damages, look_at, refusals

    folder = find_backup(directory)
    manifest = read_manifest(folder)
    found = [*damages(folder, manifest), *refusals(manifest, look_at(settings()))]
    for sentence in found:
        click.echo(sentence)
    if found:
        sys.exit(EXIT_DIFFERS)
    entries = sum(part.entries for part in manifest.parts)
    duckdb = "with" if manifest.database else "without"
    click.echo(f"{folder.name}: {entries:,} entries of {', '.join(manifest.stages)}, {duckdb} the DuckDB file; whole")


@backup.command()
@click.argument("directory", type=FOLDER, required=False)
@FROM_BEGINNING
@click.option("--new-logs", is_flag=True, help="All topics begin anew: go on with the state of the backup.")
@click.option("--stage", "stages", type=click.Choice(list(STAGES)), multiple=True, help="Only this stage; repeatable.")
@click.option("--without-duckdb", is_flag=True, help="Leave the sink's file as it is.")
def restore(
    directory: Path | None, from_beginning: bool, new_logs: bool, stages: tuple[str, ...], without_duckdb: bool
) -> None:
    """Restore lost state from the backup DIRECTORY, or the newest below it, and from the logs after it.

    All workers of the stages have to be stopped, and their changelogs empty. Nothing is decided and nothing is handed
    over here: the workers, when they are started again, go on where they were.
    """
    from streams.backup.restore import check_target, restore_database, restore_state

    config, chosen = settings(), list(stages) or list(STAGES)
    found = _backup(directory, from_beginning)
    if new_logs and found is None:
        raise InputError("--new-logs goes on with the state of a backup; name its folder.")
    _refuse(config, found, new_logs)
    check_target(config, chosen)
    if new_logs:
        from streams.backup.new_logs import restore_anew

        assert found is not None
        restore_anew(config, found, chosen, now(), _say)
        click.echo("restored: the pipeline is live from now; what came due before is not sent")
        return
    if found is not None and not without_duckdb:
        click.echo(restore_database(config, found))
    restore_state(config, found, chosen, _say)
    click.echo("restored: start the workers and the sink")


@backup.command()
@click.argument("directory", type=FOLDER, required=False)
@FROM_BEGINNING
@click.option("--without-duckdb", is_flag=True, help="Leave the sink's file out.")
def rehearse(directory: Path | None, from_beginning: bool, without_duckdb: bool) -> None:
    """Rebuild state and DuckDB from the backup DIRECTORY, or the newest below it, and from the logs after it, and hold
    them against those of the running pipeline.

    It reads the broker and writes nothing to it. Exit code 1: something differs.
    """
    from streams.backup.rehearse import in_words
    from streams.backup.rehearse import rehearse as run
    from streams.backup.rehearse_database import rehearse_database

    config = settings()
    found = _backup(directory, from_beginning)
    _refuse(config, found)
    agrees = True
    for finding in run(config, found):
        click.echo(in_words(finding))
        agrees = agrees and finding.agrees
    for table in () if without_duckdb else rehearse_database(config, found):
        verdict = "the same" if table.agrees else "DIFFERENT"
        click.echo(f"{table.table}: {verdict}, {table.rebuilt:,} rows rebuilt, {table.live:,} in the snapshot")
        agrees = agrees and table.agrees
    if not agrees:
        sys.exit(EXIT_DIFFERS)


def _backup(directory: Path | None, from_beginning: bool) -> Backup | None:
    """The backup that was named; None: from the beginning. Raises InputError."""
    if (directory is None) != from_beginning:
        raise InputError("Name the folder of a backup, or say --from-beginning; one of the two.")
    if directory is None:
        return None
    folder = find_backup(directory)
    return folder, read_manifest(folder)


def _refuse(config: Settings, found: Backup | None, new_logs: bool = False) -> None:
    """Raise InputError with all that is against it."""
    from streams.backup.check import damages, from_beginning, look_at, refusals

    world = look_at(config)
    reasons = from_beginning(world) if found is None else chain(damages(*found), refusals(found[1], world, new_logs))
    if listed := list(reasons):
        raise InputError("\n".join(listed))


def _prune(directory: Path) -> None:
    for path in prune(directory, settings().backup_kept_days, now()):
        click.echo(f"deleted {path}")


def _say(words: str) -> None:
    click.echo(words, err=True)
