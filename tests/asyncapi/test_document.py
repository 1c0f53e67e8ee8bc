"""schemas/asyncapi.json is made from the catalogue, keeps to the official schema of AsyncAPI 3.0.0, and is readable."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from schemas import asyncapi
from schemas.generate import MODELS, classes, examples, kinds
from schemas.topics import ALL_INPUTS, OUTPUTS
from streams.docs import asyncapi_page

HERE = Path(__file__).parent
OFFICIAL = HERE / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json"
INSTALL_S = 120
DOCUMENT = asyncapi.document()


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    """The official JSON Schema, installed with npm into this folder when it is not there."""
    if not OFFICIAL.exists():
        if shutil.which("npm") is None:
            pytest.skip("NOT RUN: the official schema of AsyncAPI needs npm")
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=HERE, check=True, capture_output=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"NOT RUN: the official schema of AsyncAPI could not be installed ({error})")
    return Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))


def test_the_document_keeps_to_the_official_schema(official: Draft7Validator) -> None:
    assert [f"{list(error.path)}: {error.message[:200]}" for error in official.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("info", "version"), None),
        (("channels", "orders", "colour"), "red"),
        (("operations", "send-decisions", "action"), "publish"),
        (("channels", "orders", "bindings", "kafka", "topicConfiguration", "cleanup.policy"), "delete"),
    ],
)
def test_what_is_no_asyncapi_is_refused(official: Draft7Validator, place: tuple[str, ...], value: object) -> None:
    broken = copy.deepcopy(DOCUMENT)
    spot: Any = broken
    for part in place[:-1]:
        spot = spot[part]
    spot[place[-1]] = value
    assert not official.is_valid(broken)


def references(node: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def test_every_reference_leads_to_something_and_nothing_is_left_over() -> None:
    found = set(references(DOCUMENT))
    for reference in found:
        spot: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            spot = spot[part]
    messages = {f"#/components/messages/{name}" for name in DOCUMENT["components"]["messages"]}
    assert messages <= found


def test_every_topic_of_others_and_every_kind_of_record_is_in_it() -> None:
    assert [channel["title"] for channel in DOCUMENT["channels"].values()] == [t.name for t in (*ALL_INPUTS, *OUTPUTS)]
    assert len(DOCUMENT["operations"]) == len(ALL_INPUTS) + len(OUTPUTS)
    for topic in (*ALL_INPUTS, *OUTPUTS):
        known = set(DOCUMENT["channels"][topic.name.replace(".", "-")]["messages"])
        contract = topic.name.split(".")[0]
        model = topic.schema in MODELS
        assert known == ({f"{contract}.{kind}" for kind in kinds(topic.schema)} if model else {topic.name})


def test_every_example_keeps_to_the_schema_of_its_message_and_a_broken_one_does_not() -> None:
    registry: Registry[Any] = Registry().with_resource("urn:document", Resource.from_contents(DOCUMENT, DRAFT7))
    seen = 0
    for message in DOCUMENT["components"]["messages"].values():
        if "payload" not in message:
            continue
        validator = Draft7Validator({"$ref": f"urn:document{message['payload']['$ref']}"}, registry=registry)
        payload = message["examples"][0]["payload"]
        validator.validate(payload)
        assert not validator.is_valid({name: value for name, value in payload.items() if name != next(iter(payload))})
        seen += 1
    assert seen == sum(len(examples(name)) for name in {t.name.split(".")[0] for t in (*ALL_INPUTS, *OUTPUTS)})


def test_models_of_all_contracts_are_components() -> None:
    names = set(DOCUMENT["components"]["schemas"])
    for topic in (*ALL_INPUTS, *OUTPUTS):
        if topic.schema in MODELS:
            contract = topic.name.split(".")[0]
            assert {f"{contract}.{model.__name__}" for model in classes(MODELS[topic.schema])} <= names


def test_file_and_page_are_up_to_date() -> None:
    assert asyncapi.PATH.read_text(encoding="utf-8") == asyncapi.text(), "run: cuepoint docs write"
    assert asyncapi_page.PATH.read_text(encoding="utf-8") == asyncapi_page.page(), "run: cuepoint docs write"


class _Page(HTMLParser):
    """Collects ids, links, texts, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        assert not {"src", "srcset"} & said.keys(), "the page needs nothing else"
        self.ids += [said["id"] or ""] if "id" in said else []
        self.links += [said["href"] or ""] if "href" in said else []
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_stands_alone_and_names_every_topic_message_and_field() -> None:
    page = _Page()
    page.feed(asyncapi_page.page())
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids), "every link leads into the page"
    words = set(page.words)
    assert {channel["title"] for channel in DOCUMENT["channels"].values()} <= words
    for schema in DOCUMENT["components"]["schemas"].values():
        names = {word.rsplit(".", 1)[-1] for word in words}
        assert set(schema.get("properties", {})) <= names, schema.get("title")
