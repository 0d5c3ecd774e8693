"""`simcost diff`: results, bills and cost files against each other; effects add up to the difference."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from math import fsum
from pathlib import Path
from typing import Any

import pytest
from support.commands import call, refused, scenario
from support.focus_files import cost_file, row
from support.job_scenarios import NIGHT, home

pytestmark = pytest.mark.slow


def added_up(document: dict[str, Any]) -> dict[str, float]:
    effects = {effect["effect"]: effect["usd"] for effect in document["effects"]}
    assert fsum(effects.values()) == pytest.approx(document["difference_usd"], abs=0.005)
    gap = document["after"]["usd"] - document["before"]["usd"]
    assert document["difference_usd"] == pytest.approx(gap, abs=0.005)
    return effects


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Results of a base, one with half more requests, and one at a lower price."""
    folder = tmp_path_factory.mktemp("results")
    changes = {
        "base": [],
        "demand": [("rate: 1/s", "rate: 1.5/s")],
        "policy": [("replicas: 1", "replicas: 2")],
        "spot": [
            (
                "buy: {offer: aws/g6.xlarge}\n    scaling: {kind: fixed",
                "buy: {kind: spot, offer: aws/g6.xlarge, price: $0.3/h}\n    scaling: {kind: fixed",
            )
        ],
    }
    for name, change in changes.items():
        said = call("run", scenario(folder, *change), "--out", folder / name, "--quiet")
        assert said.code == 0, said.err
    return {name: folder / name for name in changes}


def diff(before: Path, after: Path, *more: object) -> dict[str, float]:
    return added_up(call("diff", before, after, *more, "--json").document())


def test_other_demand_is_told_where_no_effect_says_it(results: dict[str, Path], tmp_path: Path) -> None:
    """On other instances all is new and gone, and half more requests would look as a matter of the plan."""
    moved = scenario(tmp_path, ("rate: 1/s", "rate: 1.5/s"), ("aws/g6.xlarge", "aws/g6.2xlarge"))
    assert call("run", moved, "--out", tmp_path / "moved", "--quiet").code == 0

    def told(after: Path) -> list[str]:
        found = call("diff", results["base"], after, *ONE, "--json").document()["findings"]
        return [one["message"] for one in found if one["kind"] == "other-demand"]

    [message] = told(tmp_path / "moved")
    assert message.startswith("the demand differs, and no effect says what that costs: ")
    assert f"requests a month to one of {tmp_path / 'moved'} at $0." in message
    assert not told(results["demand"])
    assert not told(results["spot"])


def test_a_plan_that_misses_its_slo_is_told(results: dict[str, Path], tmp_path: Path) -> None:
    """It may be the cheaper one for this reason alone."""
    file = scenario(tmp_path, ("ttft: 1s", "ttft: 1ms"))
    assert call("run", file, "--out", tmp_path / "misses", "--quiet").code == 0
    found = call("diff", results["base"], tmp_path / "misses", *ONE, "--json").document()["findings"]
    assert [one["message"] for one in found if one["kind"] == "slo-missed"] == [
        f"one of {tmp_path / 'misses'} misses its SLO: attainment 0 % (target 95 %)"
    ]
    found = call("diff", results["base"], results["policy"], *ONE, "--json").document()["findings"]
    assert not any(one["kind"] == "slo-missed" for one in found)


ONE = ("--plan-a", "one", "--plan-b", "one")


def rewritten(result: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a result with a changed `result.json`, whose checksums fit."""
    shutil.copytree(result, folder)
    file, sums = folder / "result.json", folder / "SHA256SUMS"
    before, document = sha256(file.read_bytes()).hexdigest(), json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    sums.write_text(sums.read_text().replace(before, sha256(file.read_bytes()).hexdigest()))
    return folder


def test_results_of_different_engines_are_told(results: dict[str, Path], tmp_path: Path) -> None:
    """What changed in the engine would look as a matter of the plans."""
    older = rewritten(
        results["base"],
        tmp_path / "older",
        lambda said: said["provenance"].update(simcost_version="0.1.0", engine_version="abc"),
    )

    def told(before: Path) -> list[str]:
        found = call("diff", before, results["policy"], *ONE, "--json").document()["findings"]
        return [one["message"] for one in found if one["kind"] == "other-engine"]

    [message] = told(older)
    assert message.startswith(
        f"one of {older} was simulated by simcost 0.1.0 (engine abc), one of {results['policy']} by "
    )
    assert not told(results["base"])


def test_a_result_that_lacks_something_is_refused(results: dict[str, Path], tmp_path: Path) -> None:
    older = rewritten(results["base"], tmp_path / "older", lambda said: [plan.pop("slo") for plan in said["plans"]])
    for command in (["diff", older, results["base"]], ["report", older, "-o", tmp_path / "review.html"]):
        said = call(*command)
        assert said.code == 2
        assert f"{older}: is not a result that this version of simcost has written (no key 'slo')" in said.err


def test_a_result_does_not_differ_from_itself(results: dict[str, Path]) -> None:
    effects = diff(results["base"], results["base"], *ONE)
    assert all(abs(usd) < 1e-9 for usd in effects.values())
    assert "costs as much as" in call("diff", results["base"], results["base"], *ONE).out.replace("\n", " ")


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("horizon", ["10min", "90min"])
def test_a_result_does_not_differ_from_its_own_cost_file(tmp_path: Path, horizon: str) -> None:
    """Instances, disks and traffic have their region in both, so that nothing is new and nothing gone; the file ends
    with the run, not with its clock-hour.
    """
    ran = call("run", scenario(tmp_path, ("10min", horizon)), "--out", tmp_path / "out", "--quiet")
    assert ran.code == 0, ran.err
    plan, focus = tmp_path / "plan.yaml", tmp_path / "focus.csv"
    plan.write_text("{}\n", encoding="utf-8")
    billed = call("bill", tmp_path / "out", "--plan", plan, "--run-plan", "one", "--focus", focus, "--json", "--quiet")
    assert {(charge["sku"], charge["region"]) for charge in billed.document()["charges"]} >= {
        ("g6.xlarge", "us-east-1"),
        ("storage", "us-east-1"),
    }
    found = call("diff", tmp_path / "out", focus, "--plan-a", "one", "--json").document()
    assert found["difference_usd"] == pytest.approx(0.0, abs=0.005)
    assert [effect for effect in found["effects"] if abs(effect["usd"]) > 0.005] == []


def test_causes_of_two_runs(results: dict[str, Path]) -> None:
    more = diff(results["base"], results["policy"], *ONE)
    assert more["policy"] == pytest.approx(730 * 0.8048, rel=0.01), "one replica more, at the price of its instance"
    assert more["demand"] == pytest.approx(0.0, abs=1e-6)
    asked = diff(results["base"], results["demand"], *ONE)
    assert asked["demand"] > 0
    assert asked["demand"] == pytest.approx(-asked["policy"]), "the same replica serves more"
    spot = diff(results["base"], results["spot"], *ONE)
    assert spot["rate"] < 0
    assert spot["list price"] == pytest.approx(0.0, abs=1e-9)


def test_traffic_beyond_a_free_tier_is_no_other_list_price_and_not_new(tmp_path: Path) -> None:
    """A month of 30 GB or of 300 GB; the first 100 GB are free, the rest costs 9 cents."""
    bills = []
    for gigabytes in (30, 300):
        usage, told = tmp_path / f"{gigabytes}.csv", tmp_path / f"{gigabytes}.json"
        usage.write_text(
            "provider,sku,region,start,end,quantity,unit\n"
            f"aws,egress,us-east-1,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,{gigabytes},GB\n"
        )
        plan = tmp_path / "plan.yaml"
        plan.write_text("{}\n")
        told.write_text(call("bill", usage, "--plan", plan, "--json").out)
        bills.append(told)
    effects = diff(*bills)
    assert {name: usd for name, usd in effects.items() if abs(usd) > 1e-9} == {"tiers": pytest.approx(200 * 0.09)}


def test_a_bill_is_its_own_cost_file(tmp_path: Path) -> None:
    """Reserved capacity that was idle was usage in a bill, and another cost in the file of it."""
    usage, plan, bill, file = (tmp_path / name for name in ("usage.csv", "plan.yaml", "bill.json", "bill.csv"))
    usage.write_text("sku,start,end,quantity\naws/g6e.xlarge,2026-01-31T20:00:00Z,2026-02-01T02:00:00Z,1\n")
    plan.write_text("commitments: [{kind: capacity-reservation, sku: g6e.xlarge, count: 3}]\n")
    bill.write_text(call("bill", usage, "--plan", plan, "--json", "--focus", file).out)
    effects = diff(bill, file)
    assert {name: usd for name, usd in effects.items() if abs(usd) > 1e-9} == {}


def test_two_plans_of_a_result(results: dict[str, Path]) -> None:
    plans = json.loads((results["base"] / "result.json").read_text())["plans"]
    gap = plans[1]["cost_usd"]["per_month"] - plans[0]["cost_usd"]["per_month"]
    words = (results["base"], results["base"], "--plan-a", "one", "--plan-b", "scaled")
    assert call("diff", *words, "--json").document()["difference_usd"] == pytest.approx(gap, abs=0.005)


def test_what_cancels_is_said_as_no_difference(tmp_path: Path) -> None:
    before, after = cost_file(tmp_path, [row(1)], name="a.csv"), cost_file(tmp_path, [row(1, RegionId="eu-west-1")])
    effects = diff(before, after)
    assert effects["new"] == -effects["gone"] == pytest.approx(55.04)
    said = call("diff", before, after, "--json").document()["verdict"]
    assert "costs as much as" in said
    assert "what differs cancels: " in said


def test_two_months_of_cost_files(tmp_path: Path) -> None:
    rows = [row(1), row(2, SkuPriceDetails='"{""InstanceType"": ""g6.xlarge""}"', EffectiveCost=1, ListCost=1)]
    before = cost_file(tmp_path, rows, name="march.csv")
    later = [row(1, ConsumedQuantity=2, PricingQuantity=2, EffectiveCost=80, ListCost=110.08)]
    after = cost_file(tmp_path, [*later, row(2, ChargeCategory="Tax", EffectiveCost=3)], name="april.csv")
    effects = diff(before, after)
    assert effects["quantity"] == pytest.approx(55.04)
    assert effects["rate"] == pytest.approx(80 - 110.08)
    assert (effects["gone"], effects["other"]) == (-1.0, 3.0)


def test_costs_without_a_quantity_are_named(tmp_path: Path) -> None:
    """Taxes, credits and commitments that nothing used; all of them were one `other`."""
    unused = {"CommitmentDiscountStatus": "Unused", "ConsumedQuantity": "", "ConsumedUnit": "", "ListCost": 0}
    before = cost_file(tmp_path, [row(1), row(1, ChargeCategory="Credit", EffectiveCost=-5)], name="march.csv")
    later = [
        row(1, ChargeCategory="Tax", EffectiveCost=3),
        row(1, ChargeCategory="Credit", EffectiveCost=-1),
        row(1, CommitmentDiscountId="sp-1", EffectiveCost=2, **unused),
    ]
    after = cost_file(tmp_path, [row(1), *later], name="april.csv")
    document = call("diff", before, after, "--json").document()
    parts = {one["effect"]: {part["item"]: part["usd"] for part in one["parts"]} for one in document["effects"]}
    assert parts["other"] == {"aws credit": 4.0, "aws tax": 3.0}
    assert parts["unused commitment"] == {"sp-1": 2.0}
    assert document["difference_usd"] == 9.0


def test_two_months_of_one_cost_file(tmp_path: Path) -> None:
    """As those of two files, each with its own month."""
    may = {"ChargePeriodStart": "2026-05-01T00:00:00Z", "ChargePeriodEnd": "2026-05-01T01:00:00Z"}
    rows = [row(1), row(1, **may, ConsumedQuantity=2, PricingQuantity=2, EffectiveCost=110.08, ListCost=110.08)]
    both = cost_file(tmp_path, [*rows, row(2, EffectiveCost="")], name="both.csv")
    month = "2026-03"
    effects = diff(both, both, "--month-a", month, "--month-b", "2026-05")
    assert effects["quantity"] == pytest.approx(55.04)
    document = call("diff", both, both, "--month-a", month, "--month-b", "2026-05", "--json").document()
    assert [one["kind"] for one in document["findings"]].count("no_effective_cost") == 1, "they are of one file"
    said = document["verdict"]
    assert said.startswith(f"2026-05 of {both} costs $55.04 (100 %) more than {month} of {both} at $55.04")
    assert f"has nothing of 2026-07; its months are {month}, 2026-05" in refused(
        "diff", both, both, "--month-a=2026-07"
    )


def test_what_rose_is_named_by_its_sku(tmp_path: Path) -> None:
    """Hours of all accelerators are one quantity of the bridge, which does not say whose they are."""
    small = {"SkuPriceDetails": '"{""InstanceType"": ""g6.xlarge""}"', "SkuId": "S2"}
    before = cost_file(tmp_path, [row(1), row(2, **small, EffectiveCost=1, ListCost=1)], name="march.csv")
    twice = row(2, **small, ConsumedQuantity=2, PricingQuantity=2, EffectiveCost=2, ListCost=2)
    after = cost_file(tmp_path, [row(1), twice], name="april.csv")
    document = call("diff", before, after, "--json").document()
    items = {one["item"]: one for one in document["items"]}
    assert [one["change_usd"] for one in items.values()] == [1.0, 0.0]
    rose = items["aws/g6.xlarge us-east-1"]
    assert (rose["usd"], rose["quantity"]) == ([1.0, 2.0], [1.0, 2.0])
    parts = fsum(one["change_usd"] for one in items.values())
    outside = fsum(one["usd"] for one in document["effects"] if one["effect"] in ("unused commitment", "other"))
    assert parts + outside == pytest.approx(document["difference_usd"])
    said = call("diff", before, after).out
    assert "other quantities" not in said
    assert "What changed" in said


def test_bills_and_pictures(tmp_path: Path) -> None:
    usage = tmp_path / "usage.csv"
    usage.write_text(
        "provider,sku,region,start,end,quantity\naws,g6.xlarge,us-east-1,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,3\n",
        encoding="utf-8",
    )
    bills = {"demand": "", "plan": "commitments: [{kind: savings-plan, name: sp, commitment: 5, discount: 0.3}]\n"}
    for name, text in bills.items():
        (tmp_path / f"{name}.yaml").write_text(f"purchasing: {name}\n{text}", encoding="utf-8")
        told = call("bill", usage, "--plan", tmp_path / f"{name}.yaml", "--json")
        (tmp_path / f"{name}.json").write_text(told.out, encoding="utf-8")
    words = (
        tmp_path / "demand.json",
        tmp_path / "plan.json",
        "--svg",
        tmp_path / "a.svg",
        "--html",
        tmp_path / "a.html",
    )
    effects = diff(*words)
    assert effects["rate"] < 0 < effects["unused commitment"]
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert "unused commitment" in (tmp_path / "a.html").read_text()


def test_plans_of_one_bill(tmp_path: Path) -> None:
    """A bill of several plans was refused as an answer that is no bill."""
    usage, both = tmp_path / "usage.csv", tmp_path / "both.json"
    usage.write_text("sku,region,hour,quantity\naws/g6.xlarge,us-east-1,2026-01-01T00:00:00Z,3\n", encoding="utf-8")
    for name, usd in (("list", 1.0), ("own", 0.5)):
        (tmp_path / f"{name}.yaml").write_text(f"purchasing: {name}\nprices: {{g6.xlarge: {usd}}}\n", encoding="utf-8")
    told = call("bill", usage, "--plan", tmp_path / "list.yaml", "--plan", tmp_path / "own.yaml", "--json")
    both.write_text(told.out, encoding="utf-8")
    effects = diff(both, both, "--plan-a", "list", "--plan-b", "own")
    assert fsum(effects.values()) == pytest.approx(-1.5)
    assert "has the plans list, own; name one of them" in refused("diff", both, both)
    run = {"plans": [{"name": "one", "charges": []}], "differences": [], "baseline": "one", "provenance": {}}
    (tmp_path / "result.json").write_text(json.dumps(run), encoding="utf-8")
    assert "the answer of `simcost run --json`, no bill" in refused("diff", tmp_path / "result.json", both)


def test_what_cannot_be_compared_is_refused(tmp_path: Path, results: dict[str, Path]) -> None:
    assert "no finished result" in refused("diff", tmp_path, tmp_path)
    assert "no plan 'on'" in refused("diff", results["base"], results["base"], "--plan-a", "on")
    for text in ("{}", "[1, 2]", "5", '{"plans": []}', '{"plans": [1]}', '{"plans": 3}'):
        (tmp_path / "x.json").write_text(text, encoding="utf-8")
        assert "x.json: not a bill; give a results folder" in refused("diff", tmp_path / "x.json", results["base"])
    answer = call("diff", results["base"], results["base"], "--json")
    (tmp_path / "diff.json").write_text(answer.out, encoding="utf-8")
    faults = {"none": "no such file or folder", "diff.json": "the answer of `simcost diff --json`, no bill"}
    for wrong, said in faults.items():
        assert f"{said}; give a results folder" in refused("diff", results["base"], tmp_path / wrong)
    assert "no plans" in refused("diff", cost_file(tmp_path, [row(1)]), results["base"], "--plan-a", "x")


@pytest.mark.usefixtures("no_pictures")
def test_an_api_that_answers_an_overflow_is_in_each_bill_of_the_run(tmp_path: Path) -> None:
    """Read, written and answered tokens are items of their own, however the bill came about."""
    answers = "admission: {max_queued: 1, max_ongoing: 2}\n    overflow: {api: %s, ttft: 400ms, tpot: 15ms}\n    "
    names = {"fast": "groq/llama-3.1-8b-instant", "clever": "anthropic/claude-haiku-4-5"}
    for name, api in names.items():
        change = ("scaling: {kind: fixed, replicas: 1}", f"{answers % api}scaling: {{kind: fixed, replicas: 1}}")
        file = scenario(tmp_path, change, ("rate: 1/s", "rate: 9/s"))
        assert call("run", file, "--out", tmp_path / name, "--quiet").code == 0
    (tmp_path / "plan.yaml").write_text("{}\n", encoding="utf-8")
    words = ("bill", tmp_path / "fast", "--plan", tmp_path / "plan.yaml", "--run-plan", "one", "--focus")
    billed = call(*words, tmp_path / "fast.csv", "--json", "--quiet")
    (tmp_path / "fast.json").write_text(billed.out, encoding="utf-8")
    plan = json.loads((tmp_path / "fast" / "result.json").read_text())["plans"][0]
    assert plan["overflow"]["usd"] > 0.1 * plan["cost_usd"]["total"]
    assert billed.document()["effective_usd"] == pytest.approx(plan["cost_usd"]["total"])
    pairs = (("fast", "fast.json", ONE[:2]), ("fast.json", "fast.csv", ("--per-month",)), ("fast.csv", "fast", ONE[2:]))
    for before, after, more in pairs:
        effects = diff(tmp_path / before, tmp_path / after, *more)
        assert effects == {name: pytest.approx(0.0, abs=0.005) for name in effects}, (before, after)
    other = diff(tmp_path / "fast", tmp_path / "clever", *ONE)
    assert (other["gone"], other["new"]) == (
        pytest.approx(-plan["overflow"]["per_month_usd"]),
        pytest.approx(added_usd(tmp_path / "clever")),
    )


def added_usd(folder: Path) -> float:
    plan = json.loads((folder / "result.json").read_text())["plans"][0]
    return float(plan["overflow"]["per_month_usd"])


SCALED = ("--plan-a", "scaled", "--plan-b", "scaled")


@pytest.mark.usefixtures("no_pictures")
def test_two_seeds_of_a_scenario_differ_by_no_more_than_their_interval(tmp_path: Path) -> None:
    file = scenario(tmp_path)
    for seed in (1, 2):
        assert call("run", file, "--seed", seed, "--seeds", 3, "--out", tmp_path / str(seed), "--quiet").code == 0
    there, back = (
        call("diff", tmp_path / a, tmp_path / b, *SCALED, "--json").document() for a, b in (("1", "2"), ("2", "1"))
    )
    assert there["difference_usd"] == pytest.approx(-back["difference_usd"])
    assert (there["interval"]["lo"], there["interval"]["hi"]) == pytest.approx(
        (-back["interval"]["hi"], -back["interval"]["lo"])
    )
    assert there["interval"]["paired"] is False
    assert "not significantly different: 95 % interval" in there["verdict"]
    same = call("diff", tmp_path / "1", tmp_path / "1", "--plan-a", "one", "--plan-b", "scaled", "--json").document()
    assert same["interval"]["paired"] is True
    assert same["interval"]["lo"] <= same["difference_usd"] <= same["interval"]["hi"]


def test_cost_files_in_another_currency(tmp_path: Path) -> None:
    before, after = cost_file(tmp_path, [row(1)], name="usd.csv"), cost_file(tmp_path, [row(1, BillingCurrency="EUR")])
    assert "--rate EUR=" in refused("diff", before, after)
    found = call("diff", before, after, "--rate", "EUR=1.1", "--json").document()
    assert found["difference_usd"] == pytest.approx(0.1 * found["before"]["usd"])
    assert [one["message"].partition(": ")[2] for one in found["findings"]] == [
        "1 EUR is taken for 1.1 USD, as --rate says"
    ]
    assert "worth 1" in refused("diff", before, before, "--rate", "USD=2")


def test_rows_of_a_cost_file_that_do_not_count_as_they_stand_are_told(tmp_path: Path) -> None:
    whole = cost_file(tmp_path, [row(1), row(2)], name="whole.csv")
    rows = [row(1), row(1), f"{row(2)},more", row(3, EffectiveCost="NULL")]
    found = call("diff", whole, cost_file(tmp_path, rows, name="broken.csv"), "--json").document()["findings"]
    assert {one["kind"] for one in found} >= {"malformed", "no_effective_cost"}
    assert any("rows that have no EffectiveCost: 1; left out of the effective total" in one["message"] for one in found)
    assert call("diff", whole, whole, "--json").document()["findings"] == []


@pytest.mark.usefixtures("no_pictures")
def test_jobs_are_no_requests(tmp_path: Path) -> None:
    """Hours of a cluster of jobs are in the bill of the requests beside it: they are no hours per request."""
    night = home(tmp_path, ("horizon: 2h", "horizon: 30min"), ("window: 100min", "window: 20min"), text=NIGHT)
    assert call("run", night, "--out", tmp_path / "night", "--seeds", 1, "--quiet").code == 0
    assert call("run", home(tmp_path), "--out", tmp_path / "queue", "--quiet").code == 0
    words = "--plan-a", "two fleets", "--plan-b", "one fleet", "--json"
    document = call("diff", tmp_path / "night", tmp_path / "night", *words).document()
    assert not {"demand", "policy"} & {row["effect"] for row in document["effects"]}
    assert document["findings"] == []
    added_up(document)
    document = call("diff", tmp_path / "queue", tmp_path / "night", "--json").document()
    told = [one["message"] for one in document["findings"] if one["kind"] == "other-work"]
    assert ["has jobs" in one and "has requests and jobs" in one for one in told] == [True]
    added_up(document)
