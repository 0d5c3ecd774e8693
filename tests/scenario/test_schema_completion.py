"""Completion of a scenario's text: what it suggests the schema accepts, and what was taken out it suggests."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from simcost.catalog import load_catalog
from simcost.scenario.files.completion import MOST, Completion, Names, catalog_names, complete
from simcost.scenario.files.json_schema import json_schema
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.files.yaml import parse

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = [file for file in sorted(SCENARIOS.glob("*.yaml")) if file.stat().st_size < 20_000]
FREE = {("services",), ("vary",), ("matrix",), ("ranges",)}
QUICKSTART = (SCENARIOS / "quickstart.yaml").read_text(encoding="utf-8")


@cache
def names() -> Names:
    return catalog_names(load_catalog())


@cache
def schema() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def at(text: str) -> Completion:
    """Suggestions where `|` stands."""
    before, after = text.split("|")
    return complete(before, after, names())


def words(text: str) -> list[str]:
    return [one.text for one in at(text).suggestions]


def plan(inside: str) -> str:
    return f"scenario: a\nplans:\n  - name: b\n{inside}"


def sample(value: dict[str, Any], kind: str = "") -> Any:
    """A value that a schema accepts, as small as there is one; of a choice, the one of a kind."""
    if "$ref" in value:
        value = json_schema_of(value["$ref"].rpartition("/")[2])
    if "const" in value or "enum" in value:
        return value["const"] if "const" in value else value["enum"][0]
    if "anyOf" in value and "properties" not in value:
        return sample(value["anyOf"][0], kind)
    kinds = value.get("type", "null")
    match kinds if isinstance(kinds, str) else kinds[0]:
        case "object":
            return {key: sample(value["properties"][key]) for key in value.get("required", ())}
        case "array":
            return [sample(value["items"])] * value.get("minItems", 0)
        case "number" | "integer":
            least = max(value.get("minimum", 0), value.get("exclusiveMinimum", -1) + 1)
            return min(least, value.get("maximum", least)) if value.get("exclusiveMaximum", 9) > least else 0.5
        case "string":
            return "a"
        case "boolean":
            return True
    return None


def json_schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = schema().schema["$defs"][name]
    return found


def samples(key: str) -> list[Any]:
    """Values for a key, one for each class that has it."""
    classes = [schema().schema, *schema().schema["$defs"].values()]
    found = [sample(one["properties"][key]) for one in classes if key in one.get("properties", {})]
    return [one for i, one in enumerate(found) if one not in found[:i]] + [1, 0.5, "2026-01-01", {"a": 1}, "1s"]


def members(root: YamlNode) -> list[YamlNode]:
    """All values that stand behind a key, in the order of the text."""
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        inner = node.value.values() if isinstance(node.value, dict) else node.value
        waiting += list(inner) if isinstance(node.value, dict | list) else []
        found += [node] if node.key else []
    return found


def offset(text: str, place: tuple[int, int]) -> int:
    return sum(len(line) for line in text.splitlines(keepends=True)[: place[0] - 1]) + place[1] - 1


def gap(text: str, place: tuple[int, int]) -> str:
    """What parts a new key from the one that stands at a place."""
    line = text.splitlines()[place[0] - 1][: place[1] - 1]
    return ", " if "{" in line else "\n" + " " * len(line)


def at_path(plain: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        plain = plain[key]
    return plain


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_schema_accepts_each_key_that_is_suggested(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(FILES)).read_text(encoding="utf-8")
    root, _ = parse(text, "text")
    assert root is not None
    node = data.draw(st.sampled_from(members(root)))
    assert node.key is not None
    place = offset(text, node.key)
    found = complete(text[:place], gap(text, node.key) + text[place:], names())
    keys = [one.text.removesuffix(": ") for one in found.suggestions if one.text.endswith(": ")]
    if keys:
        key = data.draw(st.sampled_from(keys))
        assert key not in at_path(root.plain(), node.path[:-1])
        assert any(accepted(root, node.path[:-1], key, value) for value in samples(key)), (node.path, key)


def accepted(root: YamlNode, path: tuple[Any, ...], key: str, value: Any) -> bool:
    """True if the scenario with one key more, and those that it needs, is valid."""
    plain = root.plain()
    at_path(plain, path)[key] = value
    for needed in () if path else schema().schema["dependentRequired"].get(key, ()):
        plain.setdefault(needed, samples(needed)[0])
    return bool(schema().is_valid(plain))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_key_that_stands_there_is_suggested_at_its_place(file: Any) -> None:
    text = file.read_text(encoding="utf-8")
    root, _ = parse(text, "text")
    assert root is not None
    missed = []
    for node in members(root):
        assert node.key is not None
        key, place = str(node.path[-1]), offset(text, node.key)
        if node.path[-2:-1] in FREE or node.path[-3:-2] == ("exclude",) or not text[place:].startswith(f"{key}:"):
            continue  # names of the user's own
        found = complete(text[:place], text[place + len(key) :], names()).suggestions
        if key not in [one.text for one in found]:
            missed.append((node.path, [one.text for one in found]))
    assert missed == []


def test_keys_of_a_plan_without_those_it_has() -> None:
    found = words(plan("    |\n    buy: {offer: aws/g6.xlarge}\n"))
    assert "scaling: " in found
    assert "name: " not in found
    assert "buy: " not in found


def test_the_kind_says_which_keys_there_are() -> None:
    assert words(plan("    scaling: {kind: fixed, |}\n")) == ["replicas: "]
    assert words(plan("    scaling:\n      kind: fixed\n      |\n")) == ["replicas: "]
    assert words(plan("    scaling: {|}\n"))[0] == "kind: "
    shared = plan("    scaling: {|}\ndefaults:\n  scaling: {kind: fixed}\n")
    assert words(shared) == ["kind: ", "replicas: "]


def test_an_unknown_key_beside_it_hides_nothing() -> None:
    assert words("scenario: a\nstart: 1\nmod|\n") == ["model: "]


def test_values_of_a_closed_set() -> None:
    assert words(plan("    scaling: {kind: f|}\n")) == ["fixed", "forecast", "manifest"]
    assert words(plan("    prefix_cache: |\n")) == ["true", "false"]
    assert words(plan("    scaling: {kind: fixed, replicas: |}\n")) == []
    assert words("scenario: a\nlevel: |\n") == ["0.95"]
    assert words("scenario: a\nlevel: 0|\n") == []
    assert "spot" in words(plan("    or_buy:\n      - |\n"))


def test_names_of_the_catalog() -> None:
    assert "llama-3.1-8b" in words("scenario: a\nmodel: llama-3.1|\n")
    assert words(plan("    replica: {accelerator: l40|}\n")) == ["l40s"]
    offers = at(plan("    buy: {offer: aws/g6.x|large}\n"))
    assert (offers.before, offers.after) == (8, 5)
    assert [one.text for one in offers.suggestions] == ["aws/g6.xlarge"]
    assert "1 x l4, $" in offers.suggestions[0].meaning


def test_an_open_bracket_is_closed() -> None:
    assert words(plan("    replica: {accelerator: l40|\n    buy: {offer: aws/g6e.xlarge}\n")) == ["l40s"]
    assert "accelerator: " in words(plan("    replica: {|\n"))


@pytest.mark.parametrize(
    "text",
    [
        "# a com|ment\nscenario: a\n",
        "scenario: a\nquestion: is it |so?\n",
        "scenario: [a\n|\n",
        "a: b\n  |\n",
        "nokey: |",
    ],
)
def test_nothing_is_suggested(text: str) -> None:
    assert words(text) == []


def test_the_meaning_is_that_of_the_schema() -> None:
    (replicas,) = at(plan("    scaling: {kind: fixed, |}\n")).suggestions
    assert replicas.meaning == "Replicas, warm from time 0 to the end."


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.integers(0, len(QUICKSTART)), st.integers(0, len(QUICKSTART)))
def test_any_text_is_answered(typed: str, start: int, end: int) -> None:
    start, end = min(start, end), max(start, end)
    found = complete(QUICKSTART[:start] + typed, QUICKSTART[end:], names())
    assert len(found.suggestions) <= MOST
    assert 0 <= found.before <= start + len(typed)
    assert 0 <= found.after <= len(QUICKSTART) - end


def test_deep_text_is_answered() -> None:
    assert complete("a: " + "[" * 100_000, "", names()).suggestions == ()
