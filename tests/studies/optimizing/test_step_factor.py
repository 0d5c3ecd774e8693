"""`simcost optimize --step-factor`: the plan holds with slower steps, and enumeration with such steps finds it too."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import TINY, call, refused, scenario

import simcost as sc
from simcost.compare.scores import holds
from simcost.errors import InputError
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.simulations import Simulations
from simcost.studies.optimizing.verdict import even_if_slower

pytestmark = pytest.mark.slow

BUSY = TINY.replace("attainment: 95%", "tpot: 40ms, attainment: 95%").replace("rate: 1/s", "rate: 6/s")
SPACE = BUSY.partition("  - name: scaled")[0] + (
    "vary:\n  - - {replica: {accelerator: l4}}\n    - {replica: {accelerator: h100}}\n"
)
SIZES = "  - {path: scaling.replicas, from: 1, to: 4}\n"


@pytest.mark.parametrize("factor", [1.5, 2.5])
def test_the_winner_is_the_enumerated_one_at_those_steps(tmp_path: Path, factor: float) -> None:
    file = scenario(tmp_path, text=SPACE + SIZES)
    said = call("optimize", file, "--step-factor", factor, "--json", "--quiet", "--out", tmp_path / "out")
    document = said.document()
    loaded, folder = load(file), tmp_path / "all"
    question = replace(settle(loaded, seed=None, seeds=document["replications"]), engine=factor)
    assert question.source is not None
    with workers_of(folder, jobs=1) as workers:
        runs = Simulations(question, question.source, folder, workers, lambda _: None)
        costs = {}
        for one in Candidates(question, variations(loaded), runs.arrivals).found:
            runs.add(one.variation.plan)
            if holds(runs.all_of(one.name), loaded.scenario.level):
                costs[one.name] = runs.summary(one.name).per_month_usd.mean
    assert document["best"]["name"] == min(costs, key=lambda name: costs[name])
    assert document["step_factor"] == factor
    assert f"even if each step takes {factor:g} times as long: $" in document["verdict"]
    assert document["assumptions"][-1].startswith(f"Each step takes {factor:g} times as long")
    slowest = f"{max(document['best']['engine_factors']):.2f} times"
    assert f"with steps up to {slowest} as long as modelled" in document["verdict"]
    assert [text for text in document["assumptions"] if f" to {slowest} it." in text], "the factor is in both"


def test_slower_steps_never_cost_less_and_python_says_the_same(tmp_path: Path) -> None:
    space = sc.load(SPACE + SIZES)
    plain, slower = (space.optimize(tmp_path, step_factor=factor) for factor in (1.0, 2.5))
    assert "step_factor" not in plain.document
    assert slower.document["best"]["cost_usd"]["per_month"] > plain.document["best"]["cost_usd"]["per_month"]
    with pytest.raises(InputError, match="0 is not a factor"):
        space.optimize(tmp_path, step_factor=0.0)


def test_whole_plans_take_it_too(tmp_path: Path) -> None:
    text = SPACE.replace("kind: synthetic", "kind: closed").replace("rate: 6/s", "clients: 8")
    document = sc.load(text + SIZES).optimize(tmp_path, step_factor=2.0).document
    assert document["whole"]
    assert document["step_factor"] == 2.0


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "inf", "fast", "11"])
def test_a_factor_that_no_engine_has_is_refused(tmp_path: Path, factor: str) -> None:
    said = refused("optimize", scenario(tmp_path, text=SPACE + SIZES), f"--step-factor={factor}")
    assert "is not a factor from 0.1 to 10" in said


@pytest.mark.parametrize(
    ("factor", "told"),
    [(1.0, ""), (2.0, " even if each step takes 2 times as long"), (0.8, " if each step takes 0.8 times as long")],
)
def test_faster_steps_are_a_condition_and_no_concession(factor: float, told: str) -> None:
    assert even_if_slower({"step_factor": factor}) == told
