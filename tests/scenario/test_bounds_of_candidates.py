"""Bounds before any simulation exclude no plan that simulation finds good: prefix caches and pools take their load."""

from pathlib import Path

import pytest
from support.commands import scenario

from simcost.scenario.checks.load import load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.simulations import Simulations

LONG = """\
scenario: tiny
model: llama-3.2-1b
horizon: 10min
seeds: 2
workload: {kind: synthetic, rate: 42/s, lengths: {prompt_median: 4000, prompt_sigma: 0.1, output_median: 10}}
slo: {ttft: 2s, attainment: 90%}
plans:
  - name: one
    replica: {accelerator: l4}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    scaling: {kind: fixed, replicas: 1}
"""


def candidates(folder: Path, vary: str) -> tuple[Candidates, Simulations]:
    loaded = load(scenario(folder, text=LONG + vary))
    question = settle(loaded, seed=None, seeds=2)
    assert question.source is not None
    with workers_of(folder / "runs", jobs=1, engine=None) as workers:
        made = Simulations(question, question.source, folder / "runs", workers, lambda _: None)
        found = Candidates(question, variations(loaded), made.arrivals)
        for one in found.found:
            made.add(one.variation.plan)
            made.all_of(one.name)
    return found, made


@pytest.mark.slow
def test_a_cache_of_prefixes_spares_work_that_the_bounds_count(tmp_path: Path) -> None:
    found, made = candidates(tmp_path, "vary: [[{prefix_cache: false}, {prefix_cache: {hit_share: 98%}}]]\n")
    [cached] = found.found
    assert [one.name.partition(", ")[2] for one in found.too_small] == ["prefix_cache False"]
    summary = made.summary(cached.name)
    assert summary.attainment is not None
    assert summary.attainment.mean >= 0.9


@pytest.mark.slow
def test_a_plan_of_pools_in_a_space_costs_no_less_than_its_bound(tmp_path: Path) -> None:
    pools = "{pools: [{name: a, scaling: {kind: fixed, replicas: 3}}, {name: b, scaling: {kind: fixed, replicas: 2}}]}"
    found, made = candidates(tmp_path, f"vary: [[{pools}]]\n")
    [one] = found.found
    assert [pool.scaling.replicas for pool in one.variation.plan.pools] == [3, 2]  # type: ignore[union-attr]
    usd = made.summary(one.name).per_month_usd.mean
    assert 0.5 * usd < one.entrant.bound_usd <= usd


@pytest.mark.slow
def test_a_prefill_side_that_is_always_there_counts_in_the_bound(tmp_path: Path) -> None:
    """What both sides share does not: commitments are paid once."""
    apart = "disaggregation: {scaling: {kind: fixed, replicas: 3}, link: {bandwidth: 10GB/s}}"
    committed = (
        "buy: {offer: gcp/g2-standard-4, region: us-central1, commitments: [{kind: resource-cud, name: cud, "
        "sku: g2-standard-4, region: us-central1, count: 4, discount: 37%}]}"
    )
    found, made = candidates(tmp_path, f"vary: [[{{{apart}}}, {{{apart}, {committed}}}]]\n")
    shares = [one.entrant.bound_usd / made.summary(one.name).per_month_usd.mean for one in found.found]
    assert 0.9 < shares[0] <= 1.0
    assert shares[1] <= 1.0
