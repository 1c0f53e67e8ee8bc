"""A run over soiled input."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from deploy.local.broker import LocalBroker
from schemas.topics import MARK_KEY
from streams.intake.task import SOURCES
from streams.tools import read_all, read_progress
from tests.faults.figures import Figures, figures
from tests.faults.input_soiled import soiled
from tests.faults.kit import Pipeline, fault_settings
from tests.faults.retailer import Retailer
from tests.faults.scenarios import Ground, scenario
from tests.faults.verdict import compare

Fates = dict[str, Counter[str]]
"""Source -> fate -> records."""


@dataclass
class Soiled:
    """What was done to the input, what became of it by source, and what the silent partition holds."""

    figures: Figures
    retailer: Retailer
    faults: Counter[str]
    fates: Fates
    in_silent_partition: int


def run_soiled(broker: LocalBroker, prefix: str, directory: Path, clean: Retailer, *, sink: bool) -> Soiled:
    """Soil the retailer's input, and replay it."""
    settings = fault_settings(broker, prefix, directory)
    retailer, dirt = soiled(clean, directory, settings)
    with Pipeline(settings, sink=sink) as pipeline:
        with pipeline.feeding(retailer):
            pass
        row = figures(pipeline, retailer, [], compare(pipeline, retailer, sink=sink))
        silent = records_in(pipeline, dirt.silent_partition)
        return Soiled(row, retailer, dirt.counts, fates(pipeline), silent)


def fates(pipeline: Pipeline) -> Fates:
    """Over all tasks."""
    found: Fates = {}
    for row in read_progress(pipeline.client, pipeline.settings).values():
        for source, counts in row.counts.items():
            found.setdefault(source, Counter()).update(counts.model_dump())
    return found


def records_in(pipeline: Pipeline, partition: int) -> int:
    """Records but marks in this partition of the sources; campaigns are everybody's."""
    rows = (
        record
        for source in SOURCES
        if source != "campaigns"
        for record in read_all(pipeline.client, pipeline.settings, source)
    )
    return sum(1 for record in rows if record.partition == partition and record.key != MARK_KEY)


@scenario("soiled-input")
def soiled_input(ground: Ground) -> Figures:
    """Copies, disorder, late lines, poison, wrong clocks, the year 2099, silence."""
    return run_soiled(ground.broker, ground.prefix, ground.directory, ground.retailer, sink=True).figures
