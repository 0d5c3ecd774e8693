"""Plans of several pools and overflow to an API: located faults, one bill, a resolved text that reads back."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.scenarios import SMALL, write

from simcost.catalog import load_catalog
from simcost.errors import FaultsError
from simcost.scenario.checks.load import find_faults, load, load_with_services
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.runs.provenance import resolved_text
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.plans.sections import parts
from simcost.units import format_usd

pytestmark = pytest.mark.slow

API = "deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct"
PLANS = f"""\
plans:
  - name: pools
    router: {{kind: weighted-random}}
    replica: {{accelerator: l4}}
    buy: {{offer: aws/g6.xlarge}}
    pools:
      - name: large
        weight: 3
        scaling: {{kind: fixed, replicas: 1}}
        batching: {{max_num_seqs: 64}}
      - name: spot
        buy: {{kind: spot, offer: aws/g6.2xlarge, price: $0.40/h}}
        scaling: {{kind: fixed, replicas: 1}}
  - name: api
    replica: {{accelerator: l4}}
    buy: {{offer: aws/g6.xlarge}}
    admission: {{max_ongoing: 1, max_queued: 0}}
    scaling: {{kind: fixed, replicas: 1}}
    overflow: {{api: {API}, ttft: 300ms, tpot: 10ms}}
"""


def written(folder: Path, plans: str = PLANS) -> Path:
    path = folder / "pools.yaml"
    path.write_text(SMALL[: SMALL.index("plans:")] + plans)
    return path


def faults(folder: Path, old: str, new: str) -> list[tuple[str, str]]:
    assert old in PLANS
    return [(fault.path, fault.message) for fault in find_faults(written(folder, PLANS.replace(old, new)))]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("pools")
    return run(load_with_services(written(folder)), folder / "out")


def test_pools_of_a_plan_share_its_requests_and_its_bill(document: dict[str, Any]) -> None:
    pools, api = document["plans"]
    large, spot = pools["pools"]
    assert [large["name"], spot["name"]] == ["large", "spot"]
    assert large["requests"] + spot["requests"] == pools["requests"]["arrived"]
    assert large["requests"] > 2 * spot["requests"]
    assert large["cost_usd"]["total"] + spot["cost_usd"]["total"] == pytest.approx(pools["cost_usd"]["total"])
    hours = sum(sum(one["replica_hours"].values()) for one in (large, spot))
    assert hours == pytest.approx(sum(pools["replica_hours"].values()))
    assert "pools" not in api


def test_an_api_answers_what_would_be_rejected_at_its_prices(document: dict[str, Any]) -> None:
    plan = document["plans"][1]
    assert plan["requests"]["rejected"] == 0
    assert plan["requests"]["overflowed"] == plan["overflow"]["requests"] > 0
    price, answered = load_catalog().token_price(API), plan["requests"]["overflowed"] / plan["requests"]["arrived"]
    served = document["plans"][0]["requests"]["arrived"]
    most = served * (400 * price.input_usd_per_m + 80 * price.output_usd_per_m) / 1e6
    assert 0 < plan["cost_usd"]["by_category"]["tokens"] < most * answered
    assert plan["cost_usd"]["total"] == pytest.approx(sum(plan["cost_usd"]["by_category"].values()))


def test_the_resolved_scenario_reads_back_as_it_is(tmp_path: Path) -> None:
    loaded = load_with_services(written(tmp_path))
    assert isinstance(loaded, LoadedScenario)
    text = resolved_text(settle(loaded, seed=None, seeds=None))
    (tmp_path / "again.yaml").write_text(text)
    again = load_with_services(tmp_path / "again.yaml")
    assert isinstance(again, LoadedScenario)
    assert again.scenario.plans == loaded.scenario.plans
    assert resolved_text(settle(again, seed=None, seeds=None)).partition("\n")[2] == text.partition("\n")[2]
    assert "replica" not in yaml.safe_load(text)["plans"][0]


def test_what_a_plan_says_holds_for_its_pools(tmp_path: Path) -> None:
    [plan, _] = load_with_services(written(tmp_path)).scenario.plans  # type: ignore[union-attr]
    large, spot = plan.by_pool()
    assert (large.replica, large.buy) == (plan.pools[0].replica, plan.pools[0].buy)
    assert spot.replica == large.replica
    assert (large.batching.max_num_seqs, spot.batching.max_num_seqs) == (64, 256)


FAULTS = [
    ("name: spot\n", "name: large\n", "plans.0.pools.1.name", "is the name of a pool before too"),
    ("offer: aws/g6.2xlarge", "offer: aws/p5.4xlarge", "plans.0.pools.1.buy.offer", "the replica wants l4"),
    ("kind: weighted-random", "kind: round-robin", "plans.0.pools.0.weight", "does not go by weights"),
    ("max_num_seqs: 64", "max_num_seq: 64", "plans.0.pools.0.batching.max_num_seq", "did you mean"),
    (
        "name: spot\n",
        "name: spot\n        replica: {speculation: {drafter: eagle3, tokens: 3, task: none}}\n",
        "plans.0.pools.1.replica.speculation.task",
        "state `acceptance` or `length`",
    ),
    (f"api: {API}", "api: deepinfra/none", "plans.1.overflow.api", "no token price"),
    ("ttft: 300ms, ", "", "plans.1.overflow.ttft", "is required"),
    ("admission:", "router: pools-in-order\n    admission:", "plans.1.router", "the plan has one"),
]


@pytest.mark.parametrize(("old", "new", "place", "what"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_faults_of_pools_are_said_at_their_places(tmp_path: Path, old: str, new: str, place: str, what: str) -> None:
    found = faults(tmp_path, old, new)
    assert [path for path, _ in found] == [place]
    assert what in found[0][1]


def test_weights_that_are_all_zero_are_a_fault(tmp_path: Path) -> None:
    plans = PLANS.replace("weight: 3", "weight: 0").replace("- name: spot\n", "- name: spot\n        weight: 0\n")
    [fault] = find_faults(written(tmp_path, plans))
    assert "is 0 in all pools" in fault.message


def test_other_commands_say_that_they_take_one_pool(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="are several, which `simcost run`, `check`, `optimize`, `sensitivity` and"):
        load(written(tmp_path))


def test_what_a_plan_commits_to_for_all_pools_is_bought_once(tmp_path: Path) -> None:
    """As if the first pool had it: the pools are one account, whichever offers they have."""
    held = "commitments: [{kind: savings-plan, commitment: $1/h, discount: 28 %}]"
    plans = f"""plans:
  - name: for all
    buy: {{offer: aws/g6.xlarge, {held}}}
    replica: {{accelerator: l4}}
    scaling: {{kind: fixed, replicas: 1}}
    pools: [{{name: a}}, {{name: b, buy: {{offer: aws/g6.2xlarge}}}}]
  - name: of the first
    replica: {{accelerator: l4}}
    scaling: {{kind: fixed, replicas: 1}}
    pools: [{{name: a, buy: {{offer: aws/g6.xlarge, {held}}}}}, {{name: b, buy: {{offer: aws/g6.2xlarge}}}}]
"""
    path = tmp_path / "pools.yaml"
    path.write_text(SMALL[: SMALL.index("plans:")] + plans, encoding="utf-8")
    both, first = run(load_with_services(path), tmp_path / "out", seeds=1)["plans"]
    assert both["charges"] == first["charges"]
    list_usd = 0.8048 + 0.9776
    assert both["cost_usd"]["by_category"]["compute"] == pytest.approx((list_usd - 1 / 0.72 + 1) / 6, rel=1e-3)


def test_what_no_pool_used_is_told_so_that_the_bill_adds_up(tmp_path: Path) -> None:
    """Pools, an API and unused commitments are all that such a plan pays."""
    held = "commitments: [{kind: savings-plan, commitment: $3/h, discount: 28 %}]"
    plans = f"""plans:
  - name: held
    buy: {{offer: aws/g6.xlarge, {held}}}
    replica: {{accelerator: l4}}
    scaling: {{kind: fixed, replicas: 1}}
    admission: {{max_ongoing: 1, max_queued: 0}}
    overflow: {{api: {API}, ttft: 300ms, tpot: 10ms}}
    pools: [{{name: a}}, {{name: b}}]
"""
    document = run(load_with_services(written(tmp_path, plans)), tmp_path / "out", seeds=1)
    [plan] = document["plans"]
    unused_usd = plan["cost_usd"]["per_month_by_part"]["unused_commitment"]
    assert unused_usd == pytest.approx((3 - 2 * 0.8048 * 0.72) * 730, rel=1e-3)
    parts_usd = [*(pool["cost_usd"]["per_month"] for pool in plan["pools"]), plan["overflow"]["per_month_usd"]]
    assert sum(parts_usd) + unused_usd == pytest.approx(plan["cost_usd"]["per_month"], rel=1e-9)
    [said] = [part.said for part in parts(document) if part.title == "Pools"]
    assert said[-1] == f"held: no pool held {format_usd(unused_usd)} of unused commitments a month"


def test_what_a_pool_pays_alone_is_in_its_cost_and_each_has_its_endpoint(tmp_path: Path) -> None:
    """What is unused of owned nodes of one pool was told as of no pool, beside the pool that paid it."""
    plans = """plans:
  - name: alone
    replica: {accelerator: l4}
    scaling: {kind: fixed, replicas: 1}
    pools:
      - name: own
        buy: {kind: owned, accelerators: 1, nodes: 3, capex: 9000, life_years: 4, power: 0.1, pue: 1, electricity: 0.1}
      - {name: a, buy: {kind: serverless, price: $2/h, always_on: 1, always_on_price: $1/h}}
      - {name: b, buy: {kind: serverless, price: $2/h, always_on: 1, always_on_price: $1/h}}
"""
    document = run(load_with_services(written(tmp_path, plans)), tmp_path / "out", seeds=1)
    [plan] = document["plans"]
    usd = [pool["cost_usd"]["per_month"] for pool in plan["pools"]]
    assert usd == [pytest.approx(3 * (9000 / 4 / 8760 + 0.01) * 730), pytest.approx(730.0), pytest.approx(730.0)]
    assert sum(usd) == pytest.approx(plan["cost_usd"]["per_month"])
    [said] = [part.said for part in parts(document) if part.title == "Pools"]
    assert not any("no pool held" in line for line in said)


def test_a_plan_that_no_bound_covers_is_told_where_the_bounds_are(document: dict[str, Any]) -> None:
    found = next(part for part in parts(document) if part.title.startswith("Against a perfect autoscaler"))
    rows = {row["Plan"] for row in found.rows}
    told = {line.split(" has no row")[0]: line for line in found.said if "has no row" in line}
    assert rows | told.keys() == {plan["name"] for plan in document["plans"]}
    assert not rows & told.keys()
    assert "unlike replicas" in told["pools"]
    assert "an API answers" in told["api"]


def test_a_pool_varies_by_its_place_or_its_name(tmp_path: Path) -> None:
    """`vary` reaches a pool as `simcost sensitivity` does."""
    pools = "\n    pools:\n      - name: base\n      - {name: peak, scaling: {kind: fixed, replicas: 2}}\n"
    text = SMALL.partition("  - name: two")[0].rstrip() + pools
    spaces = []
    for place in ("1", "peak"):
        vary = f"vary:\n  - {{path: pools.{place}.scaling.replicas, values: [3, 4]}}\n"
        loaded = load_with_services(write(tmp_path, text=text + vary, name=f"{place}.yaml"))
        spaces.append(whole_variations(loaded))
    by_place, by_name = ([plan.node.get("pools") for plan in space.plans] for space in spaces)
    assert [one.plain() for one in by_place if one] == [one.plain() for one in by_name if one]
    assert [plan.name for plan in spaces[1].plans] == ["one, pool peak replicas 3", "one, pool peak replicas 4"]
