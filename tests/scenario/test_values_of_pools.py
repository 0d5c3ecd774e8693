"""Values of plans of several pools that vary: what a plan says of its pools, and what one says itself."""

from pathlib import Path

import pytest

from simcost.api.scenarios import CheckedScenario
from simcost.billing import OnDemand, Spot
from simcost.errors import FaultsError, InputError
from simcost.plan import Fixed, TargetConcurrency
from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.changes import base_value, with_value
from simcost.scenario.inputs.variations import Dimension, variations
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.schema.loaded_scenario import AnyScenario
from simcost.scenario.schema.scenario import ServedPool

SCENARIO = """\
scenario: pools
model: llama-3.2-1b
horizon: 10min
workload: {kind: synthetic, rate: 1/s}
slo: {ttft: 1s}
plans:
  - name: both
    replica: {accelerator: l4, memory_utilisation: 0.8}
    buy:
      offer: aws/g6.xlarge
      commitments: [{name: r, kind: reserved-instances, sku: g6.xlarge, region: us-east-1, count: 1, discount: 40%}]
    pools:
      - name: small
        batching: {max_num_seqs: 2}
        buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}
        scaling: {kind: fixed, replicas: 1}
      - name: rest
        scaling: {kind: fixed, replicas: 2}
"""
DISCOUNT = "plans.0.buy.commitments.0.discount"


@pytest.fixture
def loaded(tmp_path: Path) -> AnyScenario:
    path = tmp_path / "pools.yaml"
    path.write_text(SCENARIO)
    return load_with_services(path)


def pools(loaded: AnyScenario) -> tuple[ServedPool, ...]:
    return loaded.first.scenario.plans[0].pools


def test_a_pool_keeps_what_is_its_own(loaded: AnyScenario) -> None:
    """The batching and the price of the first pool became those of the second, so that one replica more on it was
    billed, and simulated, as another plan.
    """
    before, after = pools(loaded), pools(with_value(loaded, "plans.0.pools.1.scaling.replicas", 3).loaded)
    assert after[0] == before[0]
    assert (after[1].batching, after[1].buy) == (before[1].batching, before[1].buy)
    assert after[1].scaling == Fixed(kind="fixed", replicas=3)


def test_a_value_of_the_plan_is_that_of_its_pools(loaded: AnyScenario) -> None:
    path = "plans.0.replica.memory_utilisation"
    assert base_value(loaded, path) == 0.8
    assert [pool.replica.memory_utilisation for pool in pools(with_value(loaded, path, 0.6).loaded)] == [0.6, 0.6]


@pytest.mark.parametrize("path", [DISCOUNT, "plans.0.pools.rest.buy.commitments.0.discount"])
def test_commitments_that_a_later_pool_has_may_vary(loaded: AnyScenario, path: str) -> None:
    assert base_value(loaded, path) == 0.4
    first, second = pools(with_value(loaded, path, 0.3).loaded)
    assert isinstance(second.buy, OnDemand)
    assert (first, [one.discount for one in second.buy.commitments]) == (pools(loaded)[0], [0.3])


def test_pools_that_differ_are_named(loaded: AnyScenario) -> None:
    with pytest.raises(InputError, match=r"pools differ in it \(1, 2\); name one, as plans\.0\.pools\.NAME"):
        base_value(loaded, "plans.0.scaling.replicas")
    with pytest.raises(InputError, match="each pool has one of its own"):
        with_value(loaded, "plans.0.buy.price", 0.5)


def test_a_dimension_of_the_plan_is_of_its_pools(loaded: AnyScenario) -> None:
    """It changed nothing, and all plans of the search were the same."""
    text = SCENARIO + "vary: [{path: replica.memory_utilisation, values: [0.6, 0.7]}]\n"
    loaded.first.path.write_text(text)
    plans = whole_variations(load_with_services(loaded.first.path)).plans
    found = [[pool.replica.memory_utilisation for pool in pools(plan.loaded)] for plan in plans]
    assert found == [[0.6, 0.6], [0.7, 0.7]]
    assert [pool.batching for pool in pools(plans[0].loaded)] == [pool.batching for pool in pools(loaded)]


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        (
            "{path: scaling.replicas, values: [1, 2]}",
            "changes no plan; each pool has its own, so write e.g. pools.0.sc",
        ),
        ("[{name: a}, {name: b}]", "vary.0: changes no plan"),
        ("{path: pools.smal.scaling.replicas, values: [1]}", "no plan has a pool 'smal'; did you mean 'small'?"),
        ("{path: pools.2.scaling.replicas, values: [1]}", "no plan has a pool '2'; pools are small, rest"),
    ],
)
def test_a_dimension_of_no_pool_is_a_fault(loaded: AnyScenario, vary: str, told: str) -> None:
    """The search answered about one plan, or said that a list is meant."""
    loaded.first.path.write_text(f"{SCENARIO}vary: [{vary}]\n")
    with pytest.raises(FaultsError) as error:
        whole_variations(load_with_services(loaded.first.path))
    assert told in str(error.value)


def test_a_dimension_may_change_some_plans_alone(loaded: AnyScenario) -> None:
    buy = "    replica: {accelerator: l4}\n    buy: {offer: aws/g6.xlarge}\n"
    own = f"  - name: one\n{buy}    scaling: {{kind: fixed, replicas: 1}}\n"
    loaded.first.path.write_text(f"{SCENARIO}{own}vary: [{{path: scaling.replicas, values: [1, 2]}}]\n")
    assert len(whole_variations(load_with_services(loaded.first.path)).plans) == 3


def test_a_dimension_may_be_of_a_pool_that_another_one_adds(loaded: AnyScenario) -> None:
    pool = "{name: more, scaling: {kind: fixed, replicas: 1}}"
    vary = f"vary:\n- [{{pools: [{pool}]}}]\n- {{path: pools.more.scaling.replicas, values: [1, 2]}}\n"
    loaded.first.path.write_text(SCENARIO + vary)
    assert len(whole_variations(load_with_services(loaded.first.path)).plans) == 2


def test_changes_in_python_are_those_of_the_file(loaded: AnyScenario) -> None:
    changed = CheckedScenario(loaded).with_changes({"plans.0.pools.1.scaling.replicas": 3})
    assert pools(changed.loaded)[1].batching == pools(loaded)[1].batching


def test_pools_of_a_partial_plan_leave_kinds_to_the_plan(tmp_path: Path) -> None:
    """The autoscaler of a pool without its kind was refused; a purchase on spot became one on demand."""
    path = tmp_path / "one.yaml"
    path.write_text(
        SCENARIO.partition("    buy:")[0]
        + "    buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}\n"
        + "    scaling: {kind: target-concurrency, target: 8, min: 2, max: 6}\n"
    )
    steady_part = {"name": "steady", "scaling": {"kind": "fixed", "replicas": 1}}
    pools: Dimension = [{"pools": [steady_part, {"name": "peak", "scaling": {"max": 3}, "buy": {"price": 0.4}}]}]
    [made] = variations(load(path), [pools]).variations
    steady, peak = made.plan.pools
    assert steady.scaling == Fixed(kind="fixed", replicas=1)
    assert isinstance(peak.scaling, TargetConcurrency)
    assert (peak.scaling.min, peak.scaling.max) == (2, 3)
    assert isinstance(peak.buy, Spot)
    assert peak.buy.price == 0.4
