"""Plans that bounds leave out where demand is forecast: none of them could have met the SLO in enough futures."""

from collections.abc import Sequence
from math import sin
from pathlib import Path

import pytest

from simcost.errors import InputError
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import ResolvedScenario, settle
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.schema.loaded_scenario import LoadedScenario

SCENARIO = """\
scenario: forecast
model: llama-3.2-1b
demand:
  history: history.csv
  scale: 25
  forecast: {horizon: 3h}
  risk: 25%
  requests: {lengths: {prompt_median: 300, output_median: 400}}
slo: {ttft: 1s, tpot: 40ms, attainment: 95%}
seeds: 4
plans:
  - name: fleet
    replica: {accelerator: l4}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    scaling: {kind: fixed, replicas: 1}
vary:
  - - {scaling: {kind: fixed, replicas: 1}}
    - {scaling: {kind: fixed, replicas: 2}}
    - {scaling: {kind: fixed, replicas: 4}}
    - {scaling: {kind: target-concurrency, target: 32, min: 1, max: 2}}
    - {scaling: {kind: target-concurrency, target: 32, min: 1, max: 12}}
    - {scaling: {kind: fixed, replicas: 12}}
"""


def settled(folder: Path, requests: Sequence[float], text: str = SCENARIO) -> ResolvedScenario:
    rows = [f"2026-01-{1 + h // 24:02d}T{h % 24:02d}:00:00Z,{round(count)}" for h, count in enumerate(requests)]
    (folder / "history.csv").write_text("timestamp,requests\n" + "\n".join(rows) + "\n", encoding="utf-8")
    file = folder / "forecast.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load_with_services(file, None)
    assert isinstance(loaded, LoadedScenario)
    return settle(loaded, seed=1, seeds=4)


def candidates_of(question: ResolvedScenario) -> Candidates:
    assert question.source is not None
    return Candidates(question, variations(question.loaded, []), Arrivals(question.source))


@pytest.mark.slow
def test_futures_without_requests_are_named_not_the_capacity_of_plans(tmp_path: Path) -> None:
    """All plans were said to serve too few requests in time."""
    with pytest.raises(InputError, match="no request in 4 of 4 futures, so that no plan meets the SLO in enough"):
        candidates_of(settled(tmp_path, [0.0] * 336))


@pytest.mark.slow
def test_what_a_plan_reaches_in_enough_futures_is_told_not_its_mean(tmp_path: Path) -> None:
    """The nearest plan was said to reach more than the target, on average."""
    text = SCENARIO.replace("attainment: 95%", "attainment: 70%").replace("risk: 25%", "risk: 0%")
    candidates = candidates_of(settled(tmp_path, [1440 * (2 + sin(h / 4)) for h in range(336)], text))
    assert candidates.too_small
    assert all(one.attainment < 0.7 for one in candidates.too_small)
    assert all(one.attainment >= 0.7 for one in candidates.found)


@pytest.mark.slow
def test_no_plan_is_left_out_that_meets_the_slo_and_none_costs_less_than_its_bound(tmp_path: Path) -> None:
    question = settled(tmp_path, [3600 * (2 + sin(h / 4)) for h in range(336)])
    candidates = candidates_of(question)
    assert question.source is not None
    assert candidates.too_small and candidates.found, "some are left out, others not"  # noqa: PT018
    with workers_of(tmp_path / "runs", jobs=1) as workers:
        runs = Simulations(question, question.source, tmp_path / "runs", workers, lambda _: None)
        for candidate in (*candidates.too_small, *candidates.found):
            runs.add(candidate.variation.plan)
        for candidate in candidates.too_small:
            missed = [not score.checks[0].met for score in runs.all_of(candidate.name)]
            assert sum(missed) > 1, f"{candidate.name}: more than the one of four that may"
        for candidate in candidates.found:
            if runs.hold(candidate.name):
                assert candidate.entrant.bound_usd <= runs.summary(candidate.name).per_month_usd.mean
