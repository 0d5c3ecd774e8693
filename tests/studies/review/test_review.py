"""What a review computes: price flips, terms of plans, assumptions by subject."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from simcost.scenario.checks.load import load_text
from simcost.scenario.runs.provenance import resolved_text
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.service_provenance import resolved_services_text
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.studies.review.money import OnDemandSpending, on_demand_spending, price_flips
from simcost.studies.review.plan_terms import terms_of
from simcost.studies.review.study import HEAD, shown_scenario
from simcost.studies.review.wording import by_subject, recommendation

ROOT = Path(__file__).resolve().parents[3]
MONEY = st.integers(1, 100_000).map(float)
OFFERS = ("aws/one", "aws/two")


def _plan(name: str, spent: dict[str, float], other: float, met: bool = True) -> dict[str, Any]:
    slo = {"met": met, "missed": "" if met else "attainment 90 % (target 99 %)"}
    total = sum(spent.values()) + other
    prices = [{"provider": "aws", "sku": offer[4:], "region": "here", "usd": 2.0, "unit": "h"} for offer in spent]
    return {
        "name": name,
        "cost_usd": {"per_month": total},
        "spent": spent,
        "prices": prices,
        "slo": slo,
        "quality": None,
    }


def _spending(plans: list[dict[str, Any]]) -> list[OnDemandSpending]:
    return [
        OnDemandSpending(
            offer, "here", 2.0, "h", {plan["name"]: plan["spent"][offer] for plan in plans if offer in plan["spent"]}
        )
        for offer in OFFERS
    ]


def _document(plans: list[dict[str, Any]]) -> dict[str, Any]:
    good = [plan for plan in plans if plan["slo"]["met"]]
    best = min(good, key=lambda plan: plan["cost_usd"]["per_month"])["name"] if good else None
    return {"plans": plans, "best": best, "closest": plans[0]["name"]}


def _cost(plan: dict[str, Any], offer: str, factor: float) -> float:
    return float(plan["cost_usd"]["per_month"] + (factor - 1) * plan["spent"].get(offer, 0.0))


plans = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(OFFERS), MONEY, min_size=1), MONEY, st.booleans()), min_size=1, max_size=5
)


@given(drawn=plans)
@example(drawn=[({"aws/one": 1.0}, 1.0, True), ({"aws/two": 1.0}, 1.0, True)])
def test_at_a_flip_two_plans_cost_the_same_and_before_it_the_best_is_the_cheapest(drawn: list[Any]) -> None:
    document = _document([_plan(f"p{i}", *one) for i, one in enumerate(drawn)])
    named = {plan["name"]: plan for plan in document["plans"]}
    good = [plan for plan in document["plans"] if plan["slo"]["met"]]
    flips = price_flips(document, _spending(document["plans"]))
    assert document["best"] or not flips
    for flip in flips:
        best, then = named[document["best"]], named[flip.plan]
        at = flip.at_usd / flip.now_usd
        assert then in good
        assert _cost(then, flip.offer, at) == pytest.approx(_cost(best, flip.offer, at), rel=1e-6, abs=1e-6)
        within, beyond = 1 + 0.999 * (at - 1), 1 + 1.001 * (at - 1)
        cheapest = min(_cost(plan, flip.offer, within) for plan in good)
        assert _cost(best, flip.offer, within) == pytest.approx(cheapest, rel=1e-9, abs=1e-6)
        assert _cost(then, flip.offer, beyond) <= _cost(best, flip.offer, beyond)
    for offer in {one.offer for one in flips} ^ {name for plan in good for name in plan["spent"]}:
        for factor in (1e-6, 10.0):
            cheapest = min(_cost(plan, offer, factor) for plan in good)
            assert _cost(named[document["best"]], offer, factor) == pytest.approx(cheapest, rel=1e-4, abs=1.0)


def _charge(usd: float, kind: str = "Standard", region: str = "us-east-1", commitment: str = "") -> dict[str, Any]:
    """A charge of 10 hours of one instance."""
    return {
        "charge_category": "Usage",
        "service": "compute",
        "pricing_category": kind,
        "provider": "aws",
        "sku": "g6.xlarge",
        "region": region,
        "commitment": commitment,
        "consumed_quantity": 10.0,
        "consumed_unit": "h",
        "contracted_cost_usd": 10 * usd,
        "effective_cost_usd": 10 * usd,
    }


def _flips(rows: dict[str, list[dict[str, Any]]]) -> list[tuple[str, float, float, str]]:
    """Flips of plans that last 10 hours of a month, each with the rows of its instances."""
    plans = [
        _plan(name, {}, 73 * sum(row["effective_cost_usd"] for row in charges)) | {"horizon_s": 36_000.0}
        for name, charges in rows.items()
    ]
    found = price_flips(_document(plans), on_demand_spending(plans, rows))
    return [(flip.offer, round(flip.now_usd, 9), round(flip.at_usd, 9), flip.plan) for flip in found]


def test_prices_of_spot_commitments_and_contracts_are_not_that_on_demand() -> None:
    """The price of today is that which the flip concerns, whatever else is bought of the same offer."""
    spot = {"spot": [_charge(0.4, "Dynamic")]}
    assert _flips({"list": [_charge(1.0)], **spot}) == [("aws/g6.xlarge", 1.0, 0.4, "list")]
    assert _flips({"list": [_charge(1.0)], "held": [_charge(0.6, "Committed", commitment="ri")]}) == [
        ("aws/g6.xlarge", 1.0, 0.6, "list")
    ]
    assert _flips({"list": [_charge(1.0)], "contract": [_charge(0.8)], **spot}) == [
        ("aws/g6.xlarge", 1.0, 0.4, "list"),
        ("aws/g6.xlarge", 0.8, 0.4, "contract"),
    ]


def test_prices_of_two_regions_flip_apart() -> None:
    assert _flips({"here": [_charge(1.0)], "there": [_charge(2.0, region="eu-west-1")]}) == [
        ("aws/g6.xlarge in us-east-1", 1.0, 2.0, "there"),
        ("aws/g6.xlarge in eu-west-1", 2.0, 1.0, "there"),
    ]


def test_a_plan_that_misses_the_slo_is_not_recommended() -> None:
    document = _document([_plan("a", {"aws/one": 5.0}, 1.0, met=False), _plan("b", {"aws/one": 9.0}, 1.0, met=False)])
    assert recommendation(document).startswith("Take none")
    assert price_flips(document, _spending(document["plans"])) == []


@given(texts=st.lists(st.text(min_size=1) | st.sampled_from(["Step time: x", "price of 2026", "jobs", "cold start"])))
def test_each_assumption_stands_once(texts: list[str]) -> None:
    grouped = by_subject(texts)
    assert sorted(text for subject in grouped.values() for text in subject) == sorted(texts)


def test_each_group_of_replicas_has_a_row() -> None:
    buy = {"kind": "on-demand", "offer": "aws/one"}
    pool = {
        "replica": {"accelerator": "h100", "tp": 2, "precision": "fp8"},
        "scaling": {"kind": "fixed", "replicas": 3},
    }
    written = {"name": "a", "buy": buy, "pools": [{"name": "big", **pool}, {"name": "spot", **pool, "buy": None}]}
    rows = terms_of(written, _plan("a", {"aws/one": 5.0}, 0.0))
    sides = {"name": "b", "buy": buy, **pool, "disaggregation": {"scaling": {"kind": "fixed", "replicas": 1}}}
    apart = terms_of(sides, _plan("b", {"aws/one": 5.0}, 0.0))
    assert [(row.plan, row.scaling) for row in apart] == [("b: prefill", "fixed, 1"), ("b: decode", "fixed, 3")]
    assert [row.plan for row in rows] == ["a: big", "a: spot"]
    assert {row.hardware for row in rows} == {"2 x h100 fp8"}
    assert {row.scaling for row in rows} == {"fixed, 3"}
    assert {(row.offer, row.region, row.usd_per_h, row.terms) for row in rows} == {
        ("aws/one", "here", 2.0, "on demand")
    }


def test_the_scenario_is_shown_without_keys_that_have_no_value() -> None:
    plan = {"name": "a", "buy": {"offer": "aws/one", "price": None}, "pools": [], "startup": {"node": 1.0}}
    written = {"scenario": "s", "demand": None, "workload": [{"kind": "trace", "clients": []}], "plans": [plan]}
    assert shown_scenario({**written, "plans": [plan, {**plan, "name": "b", "startup": {"node": 2.0}}]}) == (
        HEAD + "scenario: s\nworkload:\n- {kind: trace}\ndefaults:\n  buy: {offer: aws/one}\n"
        "plans:\n- name: a\n  startup: {node: 1.0}\n- name: b\n  startup: {node: 2.0}\n"
    )
    assert "defaults" not in shown_scenario(written)


@pytest.mark.parametrize(
    "name", ["quickstart", "services-and-training", "cascade", "ten-models", "other-models", "slices"]
)
def test_the_scenario_that_is_shown_reads_back_to_the_same(name: str) -> None:
    file = ROOT / "scenarios" / f"{name}.yaml"
    loaded = load_text(file.read_text(encoding="utf-8"), file, file.parent)
    said = yaml.safe_load(resolved(loaded))
    again = load_text(shown_scenario(said), file, file.parent)
    assert yaml.safe_load(resolved(again)) == said


def resolved(loaded: Any) -> str:
    if isinstance(loaded, LoadedServices):
        return resolved_services_text(settle_services(loaded, seed=None, seeds=None))
    return resolved_text(settle(loaded, seed=None, seeds=None))


@pytest.mark.parametrize(
    ("scaling", "shown"),
    [
        ({"kind": "fixed", "replicas": 4}, "fixed, 4"),
        ({"kind": "target-concurrency", "target": 40, "min": 1, "max": 3}, "target concurrency 40, 1 to 3"),
        ({"kind": "manifest", "path": "hpa.yaml", "min": None, "max": None}, "manifest hpa.yaml"),
        ({"kind": "manifest", "path": "policy.json", "min": 1, "max": 4}, "manifest policy.json, 1 to 4"),
        ({"kind": "kpa", "target": 8, "min": 1, "max": None}, "kpa 8, from 1"),
    ],
)
def test_the_scaling_of_a_plan_has_what_is_known_of_it(scaling: dict[str, Any], shown: str) -> None:
    [row] = terms_of({"name": "one", "scaling": scaling}, {"prices": []})
    assert row.scaling == shown
