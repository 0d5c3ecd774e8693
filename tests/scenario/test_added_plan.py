"""A plan that was found is one more of the scenario, whatever its defaults say."""

from pathlib import Path

import pytest

from simcost.errors import InputError
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


def test_the_quickstart_takes_a_plan() -> None:
    quickstart = Path(__file__).resolve().parents[2] / "scenarios" / "quickstart.yaml"
    before = quickstart.read_text(encoding="utf-8")
    scaled = values(before)["plans"][3]
    found = {**scaled, "name": "found", "scaling": {**scaled["scaling"], "start": None, "max": 4}}
    text, index = add_plan(before, found)
    loaded = load_text(text, quickstart, quickstart.parent)
    assert [plan.name for plan in loaded.first.scenario.plans][index] == "found"
