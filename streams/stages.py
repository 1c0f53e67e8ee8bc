"""Composition: which task a stage runs, made from the settings."""

from __future__ import annotations

from collections.abc import Callable

from streams.decide.task import DecideTask
from streams.identity.task import IdentityTask
from streams.intake.task import IntakeTask
from streams.settings import Settings
from streams.task import Task


def task_factory(stage: str, settings: Settings) -> Callable[[int], Task]:
    """Makes the task of a partition number. Raises KeyError for a stage that does not exist."""
    spill_dir = settings.state_dir / "spill"
    spill_dir.mkdir(parents=True, exist_ok=True)
    factories: dict[str, Callable[[int], Task]] = {
        "intake": lambda partition: IntakeTask(partition, settings.partitions, settings.lateness),
        "identity": lambda partition: IdentityTask(
            partition, settings.partitions, spill_dir, hash_key=settings.hash_key
        ),
        "decide": lambda partition: DecideTask(
            partition,
            settings.partitions,
            settings.topic_prefix,
            settings.state_cache_mb * 1_048_576,
            spill_dir,
            hash_key=settings.hash_key,
        ),
    }
    return factories[stage]
