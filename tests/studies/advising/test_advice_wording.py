"""Wording of an advice: classes of its chart, and reasons why a kind of action has no plan."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.scenarios import SMALL, write

from simcost.scenario.checks.load import load, load_with_services
from simcost.studies.advising.changes import changes_between, wording
from simcost.studies.advising.charts import savings
from simcost.studies.advising.kinds import ActionKind, sizes_of
from simcost.studies.advising.request_kinds import request_kinds
from simcost.studies.advising.result import FieldChange
from simcost.studies.advising.verdict import verdict
from simcost.studies.advising.whole import DependentPlan

TWO = """\
scenario: two
horizon: 10min
services:
  - name: chat
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 300, output_median: 150}}
    slo: {ttft: 1s}
  - name: search
    model: llama-3.1-8b
    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 600, output_median: 60}}
    slo: {ttft: 1s}
defaults: {replica: {accelerator: l4, tp: 4}, buy: {offer: aws/g6.12xlarge}, scaling: {kind: fixed, replicas: 1}}
plans: [{name: one, services: {chat: {}, search: {}}}]
"""


def test_an_action_that_costs_more_is_not_said_to_save() -> None:
    actions = [_action("a", 9.0, 9.0), _action("b", 5.0, None), _action("c", -7.0, None)]
    drawn: Any = savings(SimpleNamespace(actions=actions)).to_dict()  # type: ignore[arg-type]
    rows = json.loads(drawn["datasets"][drawn["data"]["name"]])
    assert [row["taken"] for row in rows] == ["saves also after those above it", "saves alone only", "costs more"]


@pytest.mark.parametrize(("least", "sure"), [(None, "with 95 % confidence"), (0.4, "in enough futures")])
def test_futures_that_meet_the_slo_are_counted(least: float | None, sure: str) -> None:
    asked: dict[str, Any] = {"plan": "one", "usd_per_month": 600.0, "level": 0.95, "least_of_futures": least}
    asked |= {"actions": (), "services": (), "tried": (), "cautions": (), "least_saving_usd_per_month": 20.0}
    missed: Any = SimpleNamespace(**asked, eligible=False, slo_met=False)
    assert verdict(missed).startswith(f"one at $600.00 a month does not meet the SLO {sure}, and")
    done: Any = SimpleNamespace(**asked, eligible=True, slo_met=True)
    assert f"none keeps the SLO {sure} and saves $20.00 a month or more" in verdict(done)


def test_a_policy_without_fields_is_named_by_its_kind() -> None:
    after = [{"scorer": {"kind": "queue"}, "weight": 2.0}, {"scorer": {"kind": "kv-cache-utilization"}}]
    change = FieldChange(path="router.scorers", before=None, after=after)
    assert wording([change]) == (
        "router.scorers \N{RIGHTWARDS ARROW} scorer queue weight 2, scorer kv-cache-utilization"
    )


def test_fields_that_another_kind_does_not_have_are_changes_and_not_told() -> None:
    """Applied one by one, the changes left `target` beside `kind: fixed`, which is a fault."""
    scaled = {"kind": "target-concurrency", "target": 4.0, "min": 1, "max": 3}
    fixed = {"kind": "fixed", "replicas": 2}
    base = {"name": "one", "scaling": scaled, "pools": [{"name": "a", "scaling": scaled}]}
    other = {"name": "one", "scaling": fixed, "pools": [{"name": "a", "scaling": fixed}]}
    found = list(changes_between(base, other, base, other))
    after = {change.path: change.after for change in found}
    sizes = {"kind": "fixed", "replicas": 2, "target": None, "min": None, "max": None}
    assert after == {f"{place}.{key}": to for place in ("scaling", "pools.0.scaling") for key, to in sizes.items()}
    assert wording(found[:5]) == (
        "scaling.kind target-concurrency \N{RIGHTWARDS ARROW} fixed, scaling.replicas \N{RIGHTWARDS ARROW} 2"
    )


def test_a_time_that_is_written_in_another_way_is_no_change() -> None:
    """A service took `scale_down_delay: 30min` from the defaults of the file: `1800 → 30min` was listed as a change."""
    base = {"services": {"chat": {"scaling": {"max": 2}}}}
    other = {"services": {"chat": {"scaling": {"max": 3, "scale_down_delay": "30min"}}}}
    in_full = {"services": {"chat": {"scaling": {"max": 2, "scale_down_delay": 1800.0}}}}
    other_in_full = {"services": {"chat": {"scaling": {"max": 3, "scale_down_delay": 1800.0}}}}
    [change] = changes_between(base, other, in_full, other_in_full)
    assert change == FieldChange(path="services.chat.scaling.max", before=2, after=3)


def test_sizes_of_a_prefill_side_are_tried_beside_those_of_decode(tmp_path: Path) -> None:
    apart = "disaggregation: {scaling: {kind: target-concurrency, target: 8, max: 3}, link: {bandwidth: 10GB/s}}"
    fixed = "scaling: {kind: fixed, replicas: 1}\n"
    loaded = load(write(tmp_path, (fixed, f"{fixed}    {apart}\n"), text=SMALL.partition("  - name: two")[0]))
    kinds = {kind.name: kind for kind in sizes_of(loaded.scenario.plans[0])}
    assert list(kinds) == [
        "number of replicas",
        "autoscaler",
        "bounds of the autoscaler, prefill",
        "target of the autoscaler, prefill",
        "fixed fleet, prefill",
    ]
    [dimension] = kinds["fixed fleet, prefill"].dimensions
    assert dimension[1] == {"disaggregation": {"scaling": {"kind": "fixed", "replicas": 2}}}


@pytest.mark.parametrize(("limit", "tried"), [("max_ongoing: 30", True), ("max_queued: 30", False)])
def test_the_limit_before_an_overflow_is_tried_where_there_is_one(tmp_path: Path, limit: str, tried: bool) -> None:
    api = "overflow: {api: deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct, ttft: 400ms, tpot: 15ms}"
    fixed = "scaling: {kind: fixed, replicas: 1}\n"
    text = SMALL.partition("  - name: two")[0].replace("llama-3.2-1b", "llama-3.1-8b")
    loaded = load(write(tmp_path, (fixed, f"{fixed}    admission: {{{limit}}}\n    {api}\n"), text=text))
    kinds = {kind.name: kind for kind in request_kinds(loaded, loaded.scenario.plans[0], None)}
    assert ("limit before overflow" in kinds) == tried
    if tried:
        limits = [one["admission"]["max_ongoing"] for one in kinds["limit before overflow"].dimensions[0]]  # type: ignore[call-overload, index]
        assert limits == [15, 22, 45, 60, 90]


def _action(kind: str, usd: float, then: float | None) -> SimpleNamespace:
    saving = SimpleNamespace(mean=usd, lo=usd, hi=usd)
    return SimpleNamespace(kind=kind, service=None, saving_usd_per_month=saving, then_usd_per_month=then)


def test_the_reason_why_nodes_cannot_be_names_no_place_of_this_machine(tmp_path: Path) -> None:
    advisor: Any = object.__new__(DependentPlan)
    advisor._loaded = load_with_services(write(tmp_path, text=TWO))
    kind = ActionKind(name="nodes", effort="medium", dimensions=([{"buy": {"offer": "aws/g6.xlarge"}}],))
    [found] = advisor.choices([kind])
    assert found.combinations == 0
    assert "no multiple of tp 4" in found.none
    assert str(tmp_path) not in found.none
