"""`simcost optimize` of clients that wait for answers and of plans of several pools: what enumeration finds."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused
from support.scenarios import write
from support.undivided import CLOSED, POOLS

from simcost.compare.scores import holds
from simcost.execution.workers import Workers
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.whole_plans import WholePlans

pytestmark = pytest.mark.slow

SIZES = "vary: [{path: scaling.replicas, from: 1, to: 4}]\n"
SIZES_OF_POOLS = (
    "vary: [{path: pools.0.scaling.replicas, values: [1, 3]}, {path: pools.1.scaling.replicas, from: 1, to: 3}]\n"
)


def enumerated(file: Path, runs: Path) -> dict[str, float]:
    """Cost a month, in the search, of each plan that holds."""
    loaded = load_with_services(file)
    with workers_of(runs, jobs=1, engine=None) as workers:
        return _holding(loaded, runs, workers)


def _holding(loaded: Any, runs: Path, workers: Workers) -> dict[str, float]:
    whole = WholePlans(loaded, seed=None, seeds=3, runs=runs, workers=workers, note=lambda _: None)
    found = {}
    for plan in whole_variations(loaded).plans:
        whole.add(plan.name, plan.loaded)
        if holds(whole.all_of(plan.name), whole.level):
            found[plan.name] = whole.summary(plan.name).per_month_usd.mean
    return found


@pytest.mark.parametrize("text", [CLOSED + SIZES, POOLS + SIZES_OF_POOLS], ids=["closed", "pools"])
def test_the_search_finds_what_enumeration_finds(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, text=text)
    said = call("optimize", file, "--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    document, held = said.document(), enumerated(file, tmp_path / "out" / "runs")
    assert 0 < len(held) < document["candidates"]
    assert document["best"]["name"] == min(held, key=lambda name: held[name])
    assert document["best"]["slo"]["met"]


@pytest.mark.parametrize(
    ("text", "why"), [(CLOSED, "clients wait for answers"), (POOLS, "several pools")], ids=["closed", "pools"]
)
def test_without_a_space_it_says_what_to_write(tmp_path: Path, text: str, why: str) -> None:
    said = refused("optimize", write(tmp_path, text=text))
    assert why in said
    assert "write e.g. `vary: [{path: scaling.replicas, from: 1, to: 6}]`" in said


def test_a_pool_keeps_what_the_first_has_of_its_own_alone(tmp_path: Path) -> None:
    """Interruptions of the first pool are none of the second, before and after a change."""
    loaded = load_with_services(write(tmp_path, text=POOLS + SIZES_OF_POOLS))
    for plan in whole_variations(loaded).plans:
        [found] = plan.loaded.first.scenario.plans
        assert [pool.interruptions is None for pool in found.pools] == [False, True]
        assert plan.node.get("interruptions") is None
