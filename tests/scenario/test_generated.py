"""The JSON Schema: complete, and as strict as the loader where it can be."""

from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.scenarios import SMALL

from simcost.scenario.files.json_schema import json_schema
from simcost.scenario.files.yaml import parse

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


@cache
def schema() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def fits(text: str) -> bool:
    root, faults = parse(text, "f")
    assert root is not None
    assert not faults
    return bool(schema().is_valid(root.plain()))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema().schema)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.name)
def test_the_scenarios_fit_the_schema(file: Path) -> None:
    assert fits(file.read_text(encoding="utf-8"))


def test_short_forms_and_defaults_fit_the_schema() -> None:
    text = SMALL.replace("plans:", "defaults: {router: power-of-two, scaling: {replicas: 3}}\nplans:")
    assert fits(SMALL)
    assert fits(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds: 2", "sedes: 2"),
        ("seeds: 2", "seeds: 0"),
        ("model: llama-3.2-1b\n", ""),
        ("small", "Sm all"),
        ("kind: synthetic", "kind: other"),
        ("replicas: 1", "replicas: 1.5"),
        ("ttft: 1s", "ttft: -1"),
        ("kind: synthetic", "kind: synthetic\n  daily: [1, 2]"),
        ("{accelerator: l4}", "l4"),
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(old: str, new: str) -> None:
    assert not fits(SMALL.replace(old, new))
