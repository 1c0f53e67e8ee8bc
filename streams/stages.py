"""Composition: which task a stage runs, made from the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streams.campaigns import CampaignSet
from streams.capacity.task import CapacityTask
from streams.decide.task import DecideTask
from streams.identity.task import IdentityTask
from streams.intake.task import IntakeTask
from streams.settings import Settings
from streams.task import Task
from streams.what_if.shadow_task import ShadowTask


def task_factory(stage: str, settings: Settings) -> Callable[[int], Task]:
    """Makes the task of a partition number. Raises KeyError for a stage that does not exist."""
    spill_dir = _spill_dir(settings)
    factories: dict[str, Callable[[int], Task]] = {
        "intake": lambda partition: IntakeTask(
            partition, settings.partitions, settings.lateness, settings.sources_by_marks
        ),
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
        "capacity": lambda partition: CapacityTask(partition, settings.partitions),
    }
    return factories[stage]


def shadow_factory(campaigns: CampaignSet, settings: Settings) -> Callable[[int], Task]:
    """Makes the task of a partition number of a shadow under these campaigns."""
    spill_dir, cache_bytes = _spill_dir(settings), settings.state_cache_mb * 1_048_576
    return lambda partition: ShadowTask(
        partition, settings.partitions, settings.topic_prefix, campaigns, cache_bytes, spill_dir, settings.hash_key
    )


def _spill_dir(settings: Settings) -> Path:
    directory = settings.state_dir / "spill"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
