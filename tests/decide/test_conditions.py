"""Conditions: the compiled closures mean what the library's interpreter says, and every mistake gets its sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import celpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.campaigns import Campaign
from streams.decide.conditions import ConditionError, compile_condition
from streams.decide.conditions.compiler import TEXT_METHODS
from streams.decide.conditions.operators import Unknown
from streams.decide.conditions.truth import can_hold
from streams.decide.conditions.types import BOOL, DOUBLE, INT, TEXT, Moment, Name, Type
from streams.decide.conditions.vocabulary import VOCABULARY
from streams.decide.rules import compile_campaign
from tests.oracle.builders import campaign
from tests.property.rulesets import QUESTIONS

MAYBE = 25
"""Of a hundred values, so many are not known."""


def test_every_name_of_the_vocabulary_and_every_function_is_asked_by_the_property_tests() -> None:
    text = " ".join(QUESTIONS)
    assert [name for name in VOCABULARY if name not in text] == []
    functions = (
        "has(",
        ".size()",
        "size(",
        ".startsWith(",
        ".endsWith(",
        ".contains(",
        ".exists(",
        ".all(",
        ".filter(",
    )
    assert [function for function in functions if function not in text] == []


# --- equal to the library ---------------------------------------------------------------------------------------------


def _of(path: str) -> Any:
    """Reads a value of the test's own vocabulary."""
    return lambda moment: moment.values.get(path)


ITEM = Type("item", fields={"p": Name(TEXT, "", None), "q": Name(INT, "", None, always=False)})  # type: ignore[arg-type]
OWN: dict[str, Name] = {
    "c.b": Name(BOOL, "", _of("c.b"), always=False),
    "c.i": Name(INT, "", _of("c.i"), always=False),
    "c.j": Name(INT, "", _of("c.j")),
    "c.d": Name(DOUBLE, "", _of("c.d"), always=False),
    "c.t": Name(TEXT, "", _of("c.t"), always=False),
    "c.l": Name(Type("list", TEXT), "", _of("c.l")),
    "c.n": Name(Type("list", INT), "", _of("c.n")),
    "items": Name(Type("list", ITEM), "", _of("items")),
}
TEXTS = ("", "a", "b", "ab", "ä")
INTS = (0, 1, 2, -1, 7, -3, 2**62, -(2**62))
DOUBLES = (0.5, 2.0, -1.5, 0.0)

NOT_CERTAIN = {"c.b", "c.i", "c.d", "c.t"}
Ways = list[Callable[[], str]]


class Writer:
    """Writes a well-typed expression from a seed, and values to evaluate it on.

    What the library's interpreter does not do as the language says is left out: functions of a text that ``+`` has
    made, division by 0.0 and of what was computed, a negative index, and passing over what is not known when
    ``exists_one``, ``filter`` or ``map`` come across it.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.scope: list[tuple[str, str]] = []
        self.certain = False
        """Write only what is known of everybody."""

    def values(self) -> dict[str, Any]:
        """A value of each name; some are not known."""
        pick = self.random.choice
        items = [{"p": pick(TEXTS), "q": pick(INTS[:4])} for _ in range(self.random.randrange(4))]
        for item in items:
            if self.random.randrange(100) < MAYBE:
                del item["q"]
        all_of = {
            "c.b": pick((True, False)),
            "c.i": pick(INTS),
            "c.d": pick(DOUBLES),
            "c.t": pick(TEXTS),
        }
        known = {name: value for name, value in all_of.items() if self.random.randrange(100) >= MAYBE}
        lists = {"c.l": self.random.choices(TEXTS, k=self.random.randrange(3))}
        return {**known, **lists, "c.j": pick(INTS), "c.n": self.random.choices(INTS, k=2), "items": items}

    def write(self, kind: str, depth: int) -> str:
        """An expression of a type."""
        if depth == 0 or self.random.randrange(5) == 0:
            return self._leaf(kind)
        ways: Ways = getattr(self, f"_{kind}")(depth - 1)
        return self.random.choice(ways)()

    def _leaf(self, kind: str) -> str:
        variables = [name for name, type_name in self.scope if type_name == kind]
        leaves = {
            "bool": ["true", "false", "c.b", "has(c.i)", "has(c.t)"],
            "int": ["c.i", "c.j", *(str(number) for number in INTS[:6]), "items.size()"],
            "double": ["c.d", *(str(number) for number in DOUBLES)],
            "text": ["c.t", *(repr(text) for text in TEXTS)],
            "texts": ["c.l", '["a", "b"]', "[]"],
            "ints": ["c.n", "[1, 2]"],
        }[kind]
        if self.certain:
            leaves = [leaf for leaf in leaves if leaf not in NOT_CERTAIN]
        for name, type_name in self.scope:
            if type_name == "item":
                leaves = [
                    *leaves,
                    *{
                        "text": [f"{name}.p"],
                        "int": [] if self.certain else [f"{name}.q"],
                        "bool": [f"has({name}.q)"],
                    }.get(kind, ()),
                ]
        return self.random.choice([*leaves, *variables])

    def _bool(self, d: int) -> Ways:
        w, kind = self.write, self.random.choice(("int", "text", "double"))
        order = self.random.choice(("<", "<=", ">", ">="))
        return [
            lambda: f"({w('bool', d)} && {w('bool', d)} && {w('bool', d)})",
            lambda: f"({w('bool', d)} || {w('bool', d)})",
            lambda: f"!({w('bool', d)})",
            lambda: f"({w('bool', d)} ? {w('bool', d)} : {w('bool', d)})",
            lambda: f"({w(kind, d)} {order} {w(kind, d)})",
            lambda: f"({w(kind, d)} == {w(kind, d)})",
            lambda: f"({w('bool', d)} != {w('bool', d)})",
            lambda: f"({w('texts', d)} == {w('texts', d)})",
            lambda: f"({w('text', d)} in {w('texts', d)})",
            lambda: f"({w('int', d)} in {w('ints', d)})",
            lambda: f"{self._leaf('text')}.{self.random.choice(TEXT_METHODS)}({w('text', d)})",
            lambda: self._quantified("items", "item", d),
            lambda: self._quantified(w("ints", d), "int", d),
            lambda: f"items.exists_one({self._certainly('item', 'text')})",
        ]

    def _quantified(self, holder: str, kind: str, d: int) -> str:
        name = f"v{len(self.scope)}"
        self.scope.append((name, kind))
        asked = self.write("bool", d)
        self.scope.pop()
        return f"({holder}).{self.random.choice(('exists', 'all'))}({name}, {asked})"

    def _certainly(self, kind: str, compared: str) -> str:
        """A variable of a macro, and a comparison in which everything is known."""
        name, self.certain = f"v{len(self.scope)}", True
        self.scope.append((name, kind))
        asked = f"{self._leaf(compared)} {self.random.choice(('<', '==', '!='))} {self._leaf(compared)}"
        self.scope.pop()
        self.certain = False
        return f"{name}, {asked}"

    def _int(self, d: int) -> Ways:
        w, sign = self.write, self.random.choice(("+", "-", "*", "/", "%"))
        return [
            lambda: f"({w('int', d)} {sign} {w('int', d)})",
            lambda: f"-({w('int', d)})",
            lambda: f"size({w('texts', d)})",
            lambda: f"{self._leaf('text')}.size()",
            lambda: f"({w('ints', d)})[{self.random.randrange(3)}]",
            lambda: f"({w('bool', d)} ? {w('int', d)} : {w('int', d)})",
        ]

    def _double(self, d: int) -> Ways:
        w, sign = self.write, self.random.choice(("+", "-", "*"))
        return [
            lambda: f"({w('double', d)} {sign} {w('double', d)})",
            lambda: f"({self._leaf('double')} / {self.random.choice(DOUBLES[:3])})",
        ]

    def _text(self, d: int) -> Ways:
        return [lambda: f"({self.write('text', d)} + {self.write('text', d)})"]

    def _texts(self, d: int) -> Ways:
        w = self.write
        return [
            lambda: f"({w('texts', d)} + {w('texts', d)})",
            lambda: f"[{w('text', d)}, {w('text', d)}]",
            lambda: self._mapped("text", d),
        ]

    def _ints(self, d: int) -> Ways:
        w = self.write
        return [
            lambda: f"{self._leaf('ints')}.filter({self._certainly('int', 'int')})",
            lambda: f"[{w('int', d)}]",
            lambda: self._mapped("int", d),
        ]

    def _mapped(self, kind: str, d: int) -> str:
        name, self.certain = f"v{len(self.scope)}", True
        self.scope.append((name, "item"))
        made = self._leaf(kind)
        self.scope.pop()
        self.certain = False
        return f"items.map({name}, {made})"


def interpreted(text: str, values: dict[str, Any]) -> Any:
    """What the library's interpreter says; ``unknown`` for an error."""
    limit = sys.getrecursionlimit()
    environment = celpy.Environment()
    sys.setrecursionlimit(limit)
    nested = {path.removeprefix("c."): value for path, value in values.items() if path.startswith("c.")}
    given_values = {"c": celpy.json_to_cel(nested), "items": celpy.json_to_cel(values["items"])}
    try:
        return bool(environment.program(environment.compile(text)).evaluate(given_values))
    except (celpy.CELEvalError, IndexError):  # two unknown sides: it fails at printing its own error
        return "unknown"


def compiled(text: str, values: dict[str, Any]) -> Any:
    """What our closures say."""
    moment = cast(Moment, SimpleNamespace(values=values, variables=[]))
    try:
        return compile_condition(text, OWN).holds(moment)
    except Unknown:
        return "unknown"


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.integers(0, 2**63))
def test_closures_say_what_the_library_says(seed: int) -> None:
    writer = Writer(seed)
    text = writer.write("bool", 4)
    values = writer.values()
    assert compiled(text, values) == interpreted(text, values), text


AS_THE_LANGUAGE_SAYS = [
    ("c.n[-1] == 1", "unknown"),
    ("-1.0 / 0.0 < 0.0", True),
    ("0.0 / 0.0 == 0.0 / 0.0", False),
    ('("a" + "b").contains("b")', True),
    ("items.exists_one(i, i.q == 1) || c.b", True),
    ("items.filter(i, i.q == 1).size() == 1 || c.b", True),
    ("9223372036854775807 + 1 > 0", "unknown"),
    ("-7 / 2 == -3 && -7 % 3 == -1", True),
]


@pytest.mark.parametrize(("text", "meaning"), AS_THE_LANGUAGE_SAYS)
def test_where_the_interpreter_falls_short_the_language_counts(text: str, meaning: object) -> None:
    assert compiled(text, {"c.b": True, "c.n": [1, 2], "items": [{"p": "a"}]}) == meaning


def test_the_written_expressions_say_yes_no_and_unknown_often_enough() -> None:
    said: dict[Any, int] = {True: 0, False: 0, "unknown": 0}
    for seed in range(300):
        writer = Writer(seed)
        said[compiled(writer.write("bool", 4), writer.values())] += 1
    assert min(said.values()) > 20, said


# --- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES = [
    ("customer.purchase > 2", "column 1: 'customer.purchase' is unknown; did you mean customer.purchases?"),
    ('country == "GB"', "column 1: 'country' is unknown; did you mean customer.country?"),
    ('customer.country == "UK"', "column 21: customer.country is never 'UK'; did you mean GB?"),
    ('occasion.name == "welcom"', "column 18: occasion.name is never 'welcom'; did you mean welcome?"),
    ('customer.country in ["GB", "XX"]', "column 28: customer.country is never 'XX'"),
    ('"mail" in customer.channels', "column 1: a member of customer.channels is never 'mail'; did you mean email?"),
    (
        'customer.purchases == "2"',
        'column 23: customer.purchases is a whole number, and "2" is text; write the number without quotes',
    ),
    (
        "customer.purchases > 2.5",
        "column 22: customer.purchases is a whole number, and 2.5 is a number with decimals; write both with decimals "
        "or both without",
    ),
    ("customer.purchases", "the condition is a whole number, not true or false; compare it with something"),
    (
        "!customer.purchases",
        "column 2: customer.purchases is a whole number, where true or false has to stand; compare it with something",
    ),
    ('customer.country = "GB"', "column 18: '= \"GB\"' cannot be read here; compare with =="),
    ("customer.known and true", "column 16: 'and true' cannot be read here; write && for and"),
    ('customer.country == "GB', "column 21: '\"GB' cannot be read here; a quote is not closed"),
    ("customer.purchases >", "column 20: something is missing at the end of it"),
    ("customer.known\n  or true", "column 18: 'or true' cannot be read here; write || for or"),
    (
        'items.category == "x"',
        "column 1: items is a list of items and has no field 'category'; use exists, all, filter or an index to reach "
        "its members",
    ),
    ('items.exists(i, i.categry == "x")', "column 17: an item has no field 'categry'; did you mean category?"),
    ("items.exist(i, i.available)", "column 1: function 'exist' is unknown; did you mean exists?"),
    ("items.exists(customer, true)", "column 14: 'customer' has a meaning already; take another name in exists"),
    ('"x" in customer.country', "column 1: in needs a list, and customer.country is text; write customer.country"),
    ('customer.country.matches("x.*")', "column 1: function 'matches' is unknown (functions: size, startsWith"),
    ("size(customer.age) > 1", "column 1: size counts a list or a text, and customer.age is a whole number"),
    ("customer.age + true > 1", "customer.age is a whole number, and true is true or false"),
    ("customer.country == null", "column 21: there is no null; ask has(…) whether something is known"),
    ("1u == 1u", "column 1: write a whole number without u"),
    ("{} == {}", "column 1: a map {…} is not offered"),
    ("customer.age > 99999999999999999999", "column 16: 99999999999999999999 has more than 64 bits"),
    ("has(customer)", "column 1: has takes one name of which something may be unknown, as has(customer.country)"),
    ("!" * 60 + "customer.known", "column 42: more than 40 levels of brackets and operators; make two campaigns of it"),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES, ids=[text[:40] for text, _ in MISTAKES])
def test_a_mistake_says_where_it_is_and_what_was_meant(text: str, sentence: str) -> None:
    with pytest.raises(ConditionError) as error:
        compile_condition(text)
    assert str(error.value).startswith(sentence)


def test_a_condition_that_this_release_cannot_read_holds_for_nobody() -> None:
    unread: Campaign = campaign("welcome", when="customer.shoe_size > 40")
    condition = compile_campaign(unread, "v").condition
    assert condition is not None
    with pytest.raises(Unknown, match=r"'customer\.shoe_size' is unknown"):
        condition.holds(cast(Moment, SimpleNamespace(variables=[])))


def test_long_conditions_are_no_deep_ones() -> None:
    text = " || ".join(f"customer.purchases == {number}" for number in range(60))
    assert list(compile_condition(text).names) == ["customer.purchases"]


def test_the_examples_of_the_guide_are_valid_and_can_hold() -> None:
    page = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text(encoding="utf-8")
    table = page.split("## Examples")[1].split("## Mistakes")[0]
    examples = [text.replace("\\|", "|") for text in re.findall(r"\| `(.+)` \|$", table, re.MULTILINE)][1:]
    assert len(examples) == 9
    for text in examples:
        compile_condition(text)
        assert can_hold([text])
