"""One plan, one amount: whoever shows the cost of a run shows the mean over its replications."""

import csv
import json
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from simcost.billing.account import bill_usage
from simcost.billing.mean import mean_bill
from simcost.billing.purchasing import Purchasing
from simcost.catalog import load_catalog
from simcost.cli.main import main
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.purchasing import price_usage, usage_of_run
from simcost.scenario.runs.run import run
from simcost.studies.actuals.comparison import Side
from simcost.studies.actuals.simulated import simulated_side
from simcost.studies.plans import sections
from simcost.units import format_usd

SCENARIO = """\
scenario: several
model: llama-3.2-1b
horizon: 30min
seeds: 3
workload: {kind: synthetic, rate: 2/s, burst_cv: 1, lengths: {prompt_median: 100, output_median: 40}}
slo: {ttft: 10s, attainment: 50%}
plans:
  - name: scaled
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: target-concurrency, target: 2, min: 1, max: 4, window: 30s, scale_down_delay: 1min}
  - name: fixed
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("several")
    (home / "several.yaml").write_text(SCENARIO, encoding="utf-8")
    run(load(home / "several.yaml"), home / "out")
    (home / "on-demand.yaml").write_text("purchasing: on demand\n", encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def plans(folder: Path) -> dict[str, Any]:
    return {plan["name"]: plan for plan in json.loads((folder / "out/result.json").read_text())["plans"]}


def test_a_bill_of_a_run_says_whose_usage_it_prices(folder: Path, plans: dict[str, Any]) -> None:
    best = json.loads((folder / "out/result.json").read_text())["best"] or next(iter(plans))
    [(bill, _)] = price_usage(folder / "out", [folder / "on-demand.yaml"], {})
    assert f"Usage of the run is that of {best}" in " ".join(bill["assumptions"])


@pytest.mark.parametrize("name", ["scaled", "fixed"])
def test_every_view_shows_the_mean(folder: Path, plans: dict[str, Any], name: str) -> None:
    usd = plans[name]["cost_usd"]["total"]
    [(bill, _)] = price_usage(folder / "out", [folder / "on-demand.yaml"], {}, name)
    assert bill["effective_usd"] == pytest.approx(usd, rel=1e-9)
    assert bill["per_month_usd"] == pytest.approx(plans[name]["cost_usd"]["per_month"], rel=1e-9)
    assert fsum(charge["effective_cost_usd"] for charge in bill["charges"]) == pytest.approx(usd, rel=1e-9)
    for key, mine in (("effective_usd", "total_usd"), ("per_month_usd", "per_month_usd")):
        said = plans[name]["intervals"][mine]
        assert bill["intervals"][key] == pytest.approx(said, rel=1e-6, abs=1e-9)
    side: Side = simulated_side(folder / "out", "effective", plan=name, usd_per={})
    assert fsum(amount.usd for amount in side.amounts.values()) == pytest.approx(usd, rel=1e-9)
    document, shown = sections.read(folder / "out")
    [table] = [part.rows for part in sections.parts(document, shown) if part.title == "Plans compared"]
    assert table is not None
    [row] = [row for row in table if row["Plan"] == name]
    assert row["$/month"].startswith(format_usd(plans[name]["cost_usd"]["per_month"]))


def test_replications_differ_and_the_verdict_says_what_the_total_is(folder: Path, plans: dict[str, Any]) -> None:
    interval = plans["scaled"]["intervals"]["total_usd"]
    assert interval["lo"] < interval["mean"] < interval["hi"]
    [(bill, _)] = price_usage(folder / "out", [folder / "on-demand.yaml"], {}, "scaled")
    assert bill["replications"] == 3
    assert "mean of 3 replications, 95 % interval" in bill["verdict"]


def test_a_focus_file_sums_up_to_the_mean(folder: Path, plans: dict[str, Any], tmp_path: Path) -> None:
    words = [
        "bill",
        folder / "out",
        "--run-plan",
        "scaled",
        "--plan",
        folder / "on-demand.yaml",
        "--quiet",
        "--focus",
        tmp_path / "focus.csv",
    ]
    assert main(list(map(str, words))) in (0, None)
    with (tmp_path / "focus.csv").open(encoding="utf-8") as file:
        billed = fsum(float(row["BilledCost"]) for row in csv.DictReader(file))
    assert billed == pytest.approx(plans["scaled"]["cost_usd"]["total"], rel=1e-9)


def test_commitments_are_settled_in_each_replication(folder: Path) -> None:
    """Of a convex cost the mean is above the cost of the mean: what one run leaves unused, no other takes."""
    catalog, used = load_catalog(), usage_of_run(folder / "out", "scaled")
    plan = folder / "committed.yaml"
    plan.write_text(
        "commitments:\n  - {kind: take-or-pay, provider: aws, sku: g6.xlarge, region: us-east-1, "
        "count: 3, price: $0.5/h, length: 1h}\n",
        encoding="utf-8",
    )
    from simcost.scenario.inputs.purchasing import load_purchasing

    purchase, _ = load_purchasing(plan)
    each = [bill_usage(usage, purchase, catalog) for usage in used.usages]
    mean = mean_bill(each)
    [(document, _)] = price_usage(folder / "out", [plan], {}, "scaled")
    for key in ("total_usd", "billed_usd", "list_usd"):
        assert getattr(mean, key) == pytest.approx(fsum(getattr(one, key) for one in each) / 3, rel=1e-9)
    assert document["effective_usd"] == pytest.approx(mean.total_usd)
    unused = fsum(float(one.settlement.bought[0].unused_usd.sum()) for one in each) / 3
    assert document["commitments"][0]["unused_usd"] == pytest.approx(unused)


@pytest.mark.slow
def test_a_bill_at_the_prices_of_the_run_is_that_of_the_run(tmp_path: Path) -> None:
    """Prices of its own are in the bill where the purchasing plan has them, else told; so is a premium."""
    own = "{offer: aws/g6.xlarge, price: $0.5/h, storage: $0.3/GB, egress: $0.7/GB}"
    endpoint = "{kind: managed-endpoint, offer: aws/g6.xlarge, premium: 25%}"
    text = SCENARIO.replace("{offer: aws/g6.xlarge}", own, 1).replace("{offer: aws/g6.xlarge}", endpoint, 1)
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    run(load(tmp_path / "own.yaml"), tmp_path / "out")
    (tmp_path / "none.yaml").write_text("purchasing: none\n", encoding="utf-8")
    said = "prices: {g6.xlarge: $0.5/h}\nstorage: $0.3/GB\negress: $0.7/GB\n"
    (tmp_path / "same.yaml").write_text(said, encoding="utf-8")
    plans = {plan["name"]: plan for plan in json.loads((tmp_path / "out/result.json").read_text())["plans"]}
    [(same, _), (listed, _)] = price_usage(
        tmp_path / "out", [tmp_path / "same.yaml", tmp_path / "none.yaml"], {}, "scaled"
    )
    assert same["effective_usd"] == pytest.approx(plans["scaled"]["cost_usd"]["total"], rel=1e-9)
    assert not [text for text in same["assumptions"] if "other prices" in text]
    [told] = [text for text in listed["assumptions"] if "other prices" in text]
    assert all(price in told for price in ("$0.5 per hour", "$0.3 per GB-month", "$0.7 per GB ", "`storage`"))
    assert told.startswith("The run paid other prices than under 'none': "), "bills of other plans stand beside it"
    [(fixed, _)] = price_usage(tmp_path / "out", [tmp_path / "none.yaml"], {}, "fixed")
    [told] = [text for text in fixed["assumptions"] if "other prices" in text]
    assert "$1.006 per hour ($0.8048 there)" in told
    assert "`prices` of the" in told


def test_usage_that_one_replication_lacks_costs_nothing_there() -> None:
    """Nodes of the second kind in one of two replications: every bill has both lines."""
    from simcost.scenario.inputs.purchasing import _usages

    node = {"replication": 0, "start_s": 0.0, "end_s": 3600.0, "provider": "aws", "region": "us-east-1"}
    kinds = ({"sku": "g6.xlarge", "pricing": "standard"}, {"sku": "g6e.xlarge", "pricing": "spot"})
    nodes = [node | kinds[0], node | kinds[0] | {"replication": 1}, node | kinds[1]]
    both = _usages(nodes, [], {0: 3600.0, 1: 3600.0})
    purchase = Purchasing(purchasing="p", spot={"aws/g6e.xlarge": 1.0})
    each = [bill_usage(usage, purchase, load_catalog()) for usage in both]
    assert each[0].total_usd - each[1].total_usd == pytest.approx(1.0)
    assert mean_bill(each).total_usd == pytest.approx((each[0].total_usd + each[1].total_usd) / 2)
