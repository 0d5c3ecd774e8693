"""A plan that was found is one more of the scenario, whatever its defaults say."""

from pathlib import Path

import pytest

from simcost.errors import InputError
from simcost.scenario.checks.added_once import add_plan_once
from simcost.scenario.checks.load import load_text
from simcost.scenario.files.added_plan import add_plan
from simcost.scenario.files.edit import value_at, values

TEXT = """\
scenario: small
defaults:
  router: least-outstanding
  admission: {queue: 10}
  scaling: {kind: target-concurrency, target: 4, start: 2, min: 1, max: 3}
plans:
  - name: mine
    replica: {accelerator: l4}
# the end
"""
FOUND = {
    "name": "found, 2",
    "router": {"kind": "least-outstanding"},
    "admission": {"queue": 10},
    "replica": {"accelerator": "l40s", "tp": 1},
    "scaling": {"kind": "target-concurrency", "target": 8, "min": 1, "max": 3},
}


def test_a_found_plan_says_what_the_defaults_do_not() -> None:
    text, index = add_plan(TEXT, FOUND)
    assert index == 1
    assert value_at(text, "plans.1") == {
        "name": "found, 2",
        "replica": {"accelerator": "l40s", "tp": 1},
        "scaling": {"target": 8, "start": None},
    }
    assert text.startswith(TEXT.removesuffix("# the end\n"))
    assert text.endswith("# the end\n")


def test_a_fleet_of_another_kind_takes_nothing_of_the_defaults() -> None:
    fixed = {**FOUND, "scaling": {"kind": "fixed", "replicas": 2}}
    text, _ = add_plan(TEXT, fixed)
    assert values(text)["plans"][1]["scaling"] == {"kind": "fixed", "replicas": 2}


def test_a_plan_is_added_once_and_another_of_its_name_gets_a_number() -> None:
    once, _ = add_plan(TEXT, FOUND)
    assert add_plan(once, {**FOUND, "name": "the same"}) == (once, 1)
    twice, index = add_plan(once, {**FOUND, "replica": {"accelerator": "l4"}})
    assert index == 2
    assert value_at(twice, "plans.2.name") == "found, 2 (2)"


@pytest.mark.parametrize("text", ["", "scenario: x\n", "scenario: x\nplans: 3\n"])
def test_a_text_without_plans_takes_none(text: str) -> None:
    with pytest.raises(InputError):
        add_plan(text, FOUND)


def test_a_plan_without_what_the_defaults_set_is_refused() -> None:
    with pytest.raises(InputError, match="defaults"):
        add_plan(TEXT, {key: value for key, value in FOUND.items() if key != "admission"})


QUICKSTART = Path(__file__).resolve().parents[2] / "scenarios" / "quickstart.yaml"
L40S = {
    "name": "found",
    "replica": {"accelerator": "l40s", "precision": "fp8"},
    "buy": {"offer": "aws/g6e.xlarge"},
    "scaling": {"kind": "fixed", "replicas": 2},
    "router": "least-outstanding",
    "admission": {"timeout": "3min"},
}


@pytest.mark.parametrize(
    ("path", "value", "index"),
    [
        ("replica", {"accelerator": "l40s", "precision": "fp8", "tp": 1, "kv_precision": "fp8"}, 4),
        ("replica", {"accelerator": "L40S", "precision": "fp8", "tp": 1, "memory_utilisation": 0.92}, 1),
        ("buy", {"kind": "on-demand", "offer": "aws/g6e.xlarge", "region": "us-east-1"}, 1),
        ("buy", {"kind": "on-demand", "offer": "aws/g6e.xlarge", "price": "$1/h"}, 4),
        ("batching", {"max_num_seqs": 256}, 1),
        ("batching", {"max_num_seqs": 128}, 4),
        ("admission", {"timeout": "180s", "max_retries": 3}, 1),
    ],
)
def test_a_plan_with_defaults_spelled_out_is_added_once(path: str, value: object, index: int) -> None:
    before = QUICKSTART.read_text(encoding="utf-8")
    text, at = add_plan_once(before, {**L40S, path: value}, QUICKSTART)
    assert at == index
    assert (text == before) == (index == 1)


def test_services_are_the_same_where_each_part_is() -> None:
    file = QUICKSTART.with_name("ten-models.yaml")
    before = file.read_text(encoding="utf-8")
    first = values(before)["plans"][0]
    chat = first["services"]["chat"]
    spelled_out, other = ({**chat, "prefix_cache": one} for one in (False, True))
    found = [{**first, "name": "again", "services": {**first["services"], "chat": one}} for one in (spelled_out, other)]
    assert add_plan_once(before, found[0], file) == (before, 0)
    assert add_plan_once(before, found[1], file)[1] == 3


def test_of_a_text_with_faults_written_fields_are_compared() -> None:
    assert add_plan_once(TEXT, FOUND, Path("small.yaml")) == add_plan(TEXT, FOUND)


def test_the_quickstart_takes_a_plan() -> None:
    quickstart = QUICKSTART
    before = quickstart.read_text(encoding="utf-8")
    scaled = values(before)["plans"][3]
    found = {**scaled, "name": "found", "scaling": {**scaled["scaling"], "start": None, "max": 4}}
    text, index = add_plan(before, found)
    loaded = load_text(text, quickstart, quickstart.parent)
    assert [plan.name for plan in loaded.first.scenario.plans][index] == "found"
