"""What is generated is up to date; everything that exists is documented, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from schemas.campaigns import OPTIONS, BrandRules, Campaign
from schemas.decisions import OUTCOMES, REASONS
from schemas.envelope import KIND_RANK
from schemas.generate import MODELS, reachable
from schemas.quarantine import QUARANTINE_REASONS
from schemas.topics import CATALOGUE, TOPICS
from sinks.ingest import TOPICS as SINK_TOPICS
from streams.cli import main
from streams.decide.conditions.vocabulary import ITEM, VOCABULARY
from streams.docs.pages import DIRECTORY, blocks, filled, names
from streams.settings import ENV_PREFIX, Settings

ROOT = DIRECTORY.parent
PAGES = sorted(DIRECTORY.glob("*.md"))
SOURCES = [
    path
    for folder in ("streams", "sinks", "deploy")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".yaml")
]


def page(name: str) -> str:
    return (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")


def part(name: str, block: str) -> str:
    """A generated part of a page as it stands there."""
    match = re.search(f"<!-- generated: {block} -->\n(.*?)<!-- end -->", page(name), re.DOTALL)
    assert match, f"{name}.md has no part {block!r}"
    return match[1]


def first_cells(text: str) -> list[str]:
    """The first column of the tables in a text, code marks removed."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_generated_parts_are_up_to_date(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == filled(text, main), "run: cuepoint docs write"


def test_every_generated_part_stands_on_one_page() -> None:
    used = [name for path in PAGES for name in names(path.read_text(encoding="utf-8"))]
    assert sorted(used) == sorted(blocks(main))


def test_a_part_that_nothing_makes_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("<!-- generated: weather -->\n<!-- end -->", main)


def test_a_stale_part_is_noticed() -> None:
    stale = page("campaigns").replace("Everything spoke for the message.", "It felt right.")
    assert filled(stale, main) != stale


def test_every_topic_is_documented() -> None:
    assert first_cells(part("contracts", "topics")) == list(CATALOGUE)


def test_every_model_of_every_contract_is_documented() -> None:
    text = part("contracts", "events")
    fields = {
        field
        for name, contract in MODELS.items()
        if name != "Envelope"
        for model in reachable(contract).values()
        for field in model.model_fields
    }
    assert set(first_cells(text)) == fields


def test_every_type_of_the_internal_log_is_documented_and_nothing_else() -> None:
    text = page("contracts").split("## The internal log")[1].split("\n## ")[0]
    first = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    assert {name for cell in first for name in re.findall("`([^`]+)`", cell)} == set(KIND_RANK)


def test_every_setting_is_documented_and_nothing_else() -> None:
    shown = first_cells(part("configuration", "settings"))
    assert shown == [ENV_PREFIX + name.upper() for name in Settings.model_fields]


def test_every_environment_variable_of_the_code_is_documented_and_nothing_else() -> None:
    pattern = re.compile(r"CUEPOINT_[A-Z_]*[A-Z]")
    used = {name for path in SOURCES for name in pattern.findall(path.read_text(encoding="utf-8"))}
    used |= {ENV_PREFIX + name.upper() for name in Settings.model_fields} | {"CUEPOINT_CONFIG"}
    assert set(pattern.findall(page("configuration"))) == used


def test_every_campaign_field_and_option_is_documented() -> None:
    fields = {
        name for model in (Campaign, BrandRules) for one in reachable(model).values() for name in one.model_fields
    }
    shown = first_cells(part("campaigns", "campaign fields")) + first_cells(part("campaigns", "brand fields"))
    assert set(shown) == fields
    text = part("campaigns", "campaign options")
    assert re.findall(r"^### `(\w+)`", text, re.MULTILINE) == list(OPTIONS)
    assert first_cells(text) == [name for model in OPTIONS.values() for name in model.model_fields]


def test_every_name_of_a_condition_is_documented() -> None:
    assert first_cells(part("conditions", "condition names")) == list(VOCABULARY)
    assert first_cells(part("conditions", "condition items")) == list(ITEM.fields or {})


@pytest.mark.parametrize(
    ("block", "codes"), [("outcomes", OUTCOMES), ("reasons", REASONS), ("quarantine reasons", QUARANTINE_REASONS)]
)
def test_every_code_is_documented(block: str, codes: dict[str, str]) -> None:
    assert first_cells(part("campaigns", block)) == list(codes)


def test_every_metric_that_the_code_declares_is_documented_and_nothing_else() -> None:
    declared = {
        name
        for path in SOURCES
        for name in re.findall(r"(?:Counter|Gauge|Histogram)\(\s*\"(cuepoint_\w+)\"", path.read_text(encoding="utf-8"))
    }
    shown = [name.removesuffix("_total") for name in first_cells(part("metrics", "metrics"))]
    assert sorted(shown) == sorted(declared)


def test_every_command_is_documented_and_nothing_else() -> None:
    def paths(command: click.Command, path: str) -> Iterator[str]:
        yield path
        if isinstance(command, click.Group):
            for name, inner in sorted(command.commands.items()):
                yield from paths(inner, f"{path} {name}")

    assert re.findall(r"^## (cuepoint.*)$", page("commands"), re.MULTILINE) == list(paths(main, "cuepoint"))


def test_every_command_says_what_it_does() -> None:
    def commands(command: click.Command) -> Iterator[click.Command]:
        yield command
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                yield from commands(inner)

    assert [command.name for command in commands(main) if not command.help] == []


def test_examples_on_the_campaign_page_are_the_shipped_files() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", page("campaigns"), re.DOTALL)
    shipped = [(ROOT / "campaigns" / f"{name}.yaml").read_text() for name in ("cart-reminder", "brand-online-retail")]
    for example, file in zip(shown, shipped, strict=True):
        missing = set(example.splitlines()) - set(file.splitlines())
        assert missing == set()


def test_the_catalogue_knows_what_the_sink_reads() -> None:
    assert {name for name, topic in TOPICS.items() if "sink" in topic.consumers} == set(SINK_TOPICS)
