"""Settings, campaign fields, codes, metrics and commands as Markdown."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import click
from prometheus_client.metrics import MetricWrapperBase

import sinks
import streams
from schemas.campaigns import OPTIONS, Arm, BrandRules, Campaign, Content, Experiment, MarketRules, Offer, Step
from schemas.capacity import CapacityList
from schemas.caps import Cap
from schemas.decisions import OUTCOMES, REASONS
from schemas.experiments import Holdout
from schemas.lifecycle import LifecycleRhythm, LifecycleRules, RfmRules, Segment
from schemas.quarantine import QUARANTINE_REASONS
from schemas.sending_times import BusinessHours, ClosedDays, QuietHours
from streams.decide.conditions.types import Name
from streams.decide.conditions.vocabulary import ITEM, VOCABULARY
from streams.docs.markdown import code, codes, model_fields, table, type_text
from streams.ingest.mapping import Cell, Condition, Lines, Record
from streams.ingest.mapping import Mapping as Mapping_
from streams.settings import ENV_PREFIX, Settings
from streams.time_travel.story import Expected, Happens, Product, Profile, Story, StoryFile
from streams.what_if.tables import TABLES

HELP_WIDTH = 100


def settings() -> str:
    """Every setting: environment variable, type, default, meaning."""
    properties = Settings.model_json_schema()["properties"]
    defaults = Settings().model_dump(mode="json")
    return table(
        ("environment variable", "in the file", "type", "default", "meaning"),
        (
            (
                code(ENV_PREFIX + name.upper()),
                code(name),
                type_text(field),
                code(json.dumps(defaults[name]) if isinstance(defaults[name], dict) else defaults[name]),
                field["description"],
            )
            for name, field in properties.items()
        ),
    )


def campaign_fields() -> str:
    """The fields of a campaign file."""
    models = (Campaign, Step, Content, Offer, Holdout, Experiment, Arm)
    return _models({model.__name__: model for model in models})


def campaign_options() -> str:
    """The options of each occasion."""
    parts = []
    for occasion, model in OPTIONS.items():
        fields = model_fields(model) if model.model_fields else "No options."
        parts.append(f"### {code(occasion)}\n\n{fields}")
    return "\n\n".join(parts)


def story_fields() -> str:
    """The fields of a file of time-travel tests."""
    models = (StoryFile, Story, Happens, Profile, Product, Expected)
    return _models({model.__name__: model for model in models})


def condition_names() -> str:
    """Every name that a condition may use."""
    return _names(VOCABULARY)


def condition_items() -> str:
    """The fields of an item in a condition."""
    return _names(ITEM.fields or {})


def brand_fields() -> str:
    """The fields of a brand file."""
    rules = (BrandRules, MarketRules, Cap, QuietHours, BusinessHours, ClosedDays, CapacityList)
    models = (*rules, Segment, LifecycleRules, LifecycleRhythm, RfmRules)
    return _models({model.__name__: model for model in models})


def mapping_fields() -> str:
    """The vocabulary of mapping files."""
    return _models({model.__name__: model for model in (Mapping_, Record, Lines, Cell, Condition)})


def outcomes() -> str:
    """Every outcome of a decision."""
    return _codes("outcome", OUTCOMES)


def reasons() -> str:
    """Every reason of a decision."""
    return _codes("reason", REASONS)


def quarantine_reasons() -> str:
    """Every reason of quarantine."""
    return _codes("reason", QUARANTINE_REASONS)


def metrics() -> str:
    """Every metric that a module of ours declares; counters by the name under which Prometheus reads them."""
    rows = []
    for metric in declared_metrics():
        described = next(iter(metric.describe()))
        name = described.name + ("_total" if described.type == "counter" else "")
        rows.append((code(name), described.type, codes(metric._labelnames), described.documentation))
    return table(("name", "type", "labels", "meaning"), sorted(rows))


def what_if_tables() -> str:
    """The tables of ``backtest --against`` and ``shadow report``."""
    return "\n\n".join(
        f"### {code(one.full_name)}\n\n{one.comment}\n\n"
        + table(("column", "type", "meaning"), ((code(each.name), each.type, each.comment) for each in one.columns))
        for one in TABLES
    )


def commands(root: click.Command, name: str = "cuepoint") -> str:
    """The help of every command, in the order of the tree."""
    return "\n\n".join(f"## {path}\n\n```text\n{text}\n```" for path, text in _help(root, click.Context(root), name))


def _models(models: Mapping[str, Any]) -> str:
    return "\n\n".join(
        f"### {name}\n\n{' '.join((model.__doc__ or '').split()).replace('``', '`')}\n\n{model_fields(model)}"
        for name, model in models.items()
    )


def _names(names: Mapping[str, Name]) -> str:
    return table(
        ("name", "type", "may be unknown", "meaning"),
        ((code(name), str(known.type), "" if known.always else "yes", known.meaning) for name, known in names.items()),
    )


def _codes(column: str, meanings: Mapping[str, str]) -> str:
    return table((column, "meaning"), ((code(name), meaning) for name, meaning in meanings.items()))


def declared_metrics() -> list[MetricWrapperBase]:
    """Every metric that a module of ours declares."""
    found = {
        id(value): value
        for package in (streams, sinks)
        for module in _modules(package)
        for value in vars(module).values()
        if isinstance(value, MetricWrapperBase)
    }
    return list(found.values())


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            yield importlib.import_module(module.name)


def _help(command: click.Command, parent: click.Context, path: str) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command,
        info_name=path if parent.command is command else path.rsplit(" ", 1)[1],
        parent=None if parent.command is command else parent,
        terminal_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _help(inner, context, f"{path} {name}")
