"""The HPA against the cases of Kubernetes' own tests."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.vectors import Case, cases

from simcost.plan.autoscaling import Hpa, Observation, Replicas
from simcost.plan.autoscaling.hpa import Behavior, Direction, HpaState, Metric, ScalingRule
from simcost.plan.autoscaling.hpa_behavior import (
    changed_within,
    down_limit,
    limited,
    limited_plainly,
    noted,
    stabilized,
    stabilized_plainly,
    up_limit,
)
from simcost.plan.autoscaling.hpa_metrics import Patience, Tolerance, grouped, milli, propose
from simcost.plan.autoscaling.policy import NOT_READY, READY, RUNNING, UNKNOWN, Ages, ns

NOW_NS = ns(1e6)
PHASES = {"Pending": 0, "Running": 1, "Succeeded": 2, "Failed": 3}
READINESS = {True: READY, False: NOT_READY, None: UNKNOWN}
CPU = Patience(initialization_s=120, readiness_s=10)


def column(pods: list[Case], key: str, otherwise: float = np.nan) -> Any:
    values = [pod.get(key) for pod in pods]
    return np.array([otherwise if value is None else value for value in values], np.float64)


def replicas(pods: list[Case], name: str) -> Replicas:
    requests = {name: column(pods, "request_milli") / 1000} if any("request_milli" in p for p in pods) else {}
    ages = Ages(
        age_s=column(pods, "age_s"),
        ready_age_s=column(pods, "ready_transition_age_s"),
        sample_age_s=column(pods, "metric_age_s"),
        sample_window_s=column(pods, "metric_window_s"),
    )
    return Replicas(
        phase=np.array([PHASES[pod.get("phase", "Running")] for pod in pods], np.int8),
        deleting=np.array([pod.get("terminating", False) for pod in pods], np.bool_),
        ready=np.array([READINESS[pod.get("ready", True)] for pod in pods], np.int8),
        ages=lambda: ages,
        signals={name: column(pods, "usage_milli") / 1000},
        requests=requests,
    )


def observed(pods: list[Case], name: str, current: int) -> Observation:
    known = replicas(pods, name)
    ready = int(((known.ready == READY) & (known.phase == RUNNING)).sum())
    return Observation(current=current, ready=ready, starting=len(pods) - ready, replicas=known)


def metric_of(case: Case) -> tuple[Metric, Observation]:
    """The metric and the observation of a case of the replica calculator."""
    kind, current = case["kind"], case["current_replicas"]
    if kind == "resource_utilization":
        name, target = case["resource"], case["target_utilization_pct"]
        metric = Metric(type="Resource", name=name, target_type="Utilization", target=target)
        return metric, observed(case["pods"], name, current)
    if kind == "pods_metric":
        target = case["target_average_milli"] / 1000
        metric = Metric(type="Pods", name="qps", target_type="AverageValue", target=target)
        return metric, observed(case["pods"], "qps", current)
    source = "Object" if kind.startswith("object") else "External"
    of = "AverageValue" if "average" in kind else "Value"
    metric = Metric(type=source, name="qps", target_type=of, target=case["target_milli"] / 1000)
    ready = case["ready_pods"]
    seen = Observation(
        current=current, ready=ready, starting=current - ready, totals={"qps": case["metric_milli"] / 1000}
    )
    return metric, seen


@pytest.mark.parametrize("case", cases("hpa_replica_calculator"))
def test_replicas_from_one_metric(case: Case) -> None:
    metric, seen = metric_of(case)
    tolerance = Tolerance(case["tolerance"]["scale_down"], case["tolerance"]["scale_up"])
    assert propose(metric, seen, tolerance, CPU).replicas == case["expected"].get("desired_replicas")


@pytest.mark.parametrize("case", cases("hpa_group_pods"))
def test_classes_of_pods(case: Case) -> None:
    pods = case["pods"]
    known = replicas(pods, "cpu")
    found = grouped(known, milli(known.signals["cpu"]), CPU if case["resource"] == "cpu" else None)
    names = [pod["name"] for pod in pods]
    rest = set(range(len(pods))) - {*found.ready, *found.unready, *found.missing}
    assert {
        "ready_count": len(found.ready),
        "unready": [names[i] for i in found.unready],
        "missing": [names[i] for i in found.missing],
        "ignored": [names[i] for i in sorted(rest)],
    } == case["expected"]


def rules(given: Case | None) -> Direction:
    if given is None:
        return Direction()
    made = tuple(ScalingRule(type=p["type"], value=p["value"], period=p["period_s"]) for p in given["policies"])
    return Direction(policies=made, select=given["select"], window=given["stabilization_s"])


def log(entries: list[Case], key: str) -> list[list[int]]:
    return [[entry[key], NOW_NS - ns(entry["age_s"])] for entry in entries]


@pytest.mark.parametrize("case", cases("hpa_behavior_rate", "rate_limit_cases"))
def test_rate_limits(case: Case) -> None:
    current, bounds = case["current_replicas"], (case["min_replicas"], case["max_replicas"])
    events = log(case["scale_up_events"], "change"), log(case["scale_down_events"], "change")
    allowed = (
        up_limit(current, *events, rules(case["scale_up"]), NOW_NS),
        down_limit(current, *events, rules(case["scale_down"]), NOW_NS),
    )
    desired, reason = limited(current, case["desired_replicas_in"], bounds, allowed)
    assert {"desired_replicas": desired, "reason": reason} == case["expected"]


@pytest.mark.parametrize("case", cases("hpa_behavior_rate", "limit_cases"))
def test_limits(case: Case) -> None:
    limit = up_limit if case["direction"] == "up" else down_limit
    assert limit(case["current_replicas"], [], [], rules(case["rules"]), NOW_NS) == case["expected"]["limit"]


@pytest.mark.parametrize("case", cases("hpa_behavior_rate", "no_behavior_cases"))
def test_limits_without_behavior(case: Case) -> None:
    bounds = case["min_replicas"], case["max_replicas"]
    desired, reason = limited_plainly(case["current_replicas"], case["desired_replicas_in"], bounds)
    assert {"desired_replicas": desired, "reason": reason} == case["expected"]


@pytest.mark.parametrize("case", cases("hpa_stabilization", "stabilization_cases"))
def test_stabilization(case: Case) -> None:
    entries, wanted, expected = (
        log(case["recommendations"], "replicas"),
        case["desired_replicas_in"],
        case["expected"],
    )
    if case["mode"] == "no_behavior":
        held, new = stabilized_plainly(entries, wanted, case["downscale_window_s"], NOW_NS)
        assert len(new) == expected["log_length"]
    else:
        windows_s = case["scale_up_window_s"], case["scale_down_window_s"]
        held, new = stabilized(entries, case["current_replicas"], wanted, windows_s, NOW_NS)
        assert [count for count, _ in new] == expected["log_after"]
    assert held == expected["stabilized_replicas"]


@pytest.mark.parametrize("case", cases("hpa_stabilization", "scale_event_store_cases"))
def test_log_of_events(case: Case) -> None:
    before, expected = log(case["previous_events"], "change"), case["expected"]
    assert changed_within(before, 60, NOW_NS) == expected["change_in_last_60_s_before"]
    if case["rules"] is None:
        behaving = Hpa(max=9, metrics=(Metric(type="External", name="x", target_type="Value", target=1),))
        state: HpaState = {"recommendations": [], "added": before, "removed": []}
        after = behaving._noting(state, 1, 1 + case["new_change"], NOW_NS)["added"]
    else:
        allowed = rules(case["rules"]).policies or ()
        after = noted(before, case["new_change"], allowed, NOW_NS)
        longest_ns = ns(max(rule.period for rule in allowed))
        outdated = [at < NOW_NS - longest_ns for _, at in after]
        assert outdated == [event["outdated"] for event in expected["events_after"]]
    assert [change for change, _ in after] == [event["change"] for event in expected["events_after"]]


def whole(case: Case) -> tuple[Hpa, Observation]:
    """The HPA and the observation of a case of one whole sync."""
    metrics, totals, failed = [], {}, set()
    status = case["status_replicas"]
    seen = Observation(current=case["spec_replicas"], ready=status)
    for number, given in enumerate(case["metrics"]):
        name, kind = given.get("resource", f"metric {number}"), given["type"]
        if "error" in given:
            metrics.append(Metric(type="External", name=name, target_type="Value", target=1))
            failed.add(name)
            continue
        of = given["target_type"]
        target = given["target_pct"] if of == "Utilization" else given["target_milli"] / 1000
        metrics.append(Metric(type=kind, name=name, target_type=of, target=target))
        pods = given.get("pods", [{"usage_milli": value} for value in given.get("values_milli", [])])
        if "value_milli" in given:
            totals[name] = given["value_milli"] / 1000
        elif pods:
            seen = replace(seen, replicas=replicas([_aged(pod) for pod in pods], name))
    behavior = case["behavior"] and Behavior(scale_up=rules(case["behavior"]["scale_up"]))
    policy = Hpa(
        min=case["min_replicas"],
        max=case["max_replicas"],
        metrics=tuple(metrics),
        behavior=behavior,
        cpu_initialization=120,
        readiness_delay=10,
    )
    return policy, replace(seen, totals=totals, failed=frozenset(failed))


def _aged(pod: Case) -> Case:
    """A pod as old as the case says: within the initialization without a fresh sample, or long there."""
    young = pod.get("cpu_initializing_without_fresh_sample", False)
    ages = (0.0, 0.0, 0.0) if young else (1e6, 1e6, 0.0)
    named = dict(zip(("age_s", "ready_transition_age_s", "metric_age_s"), ages, strict=True))
    return {**named, "metric_window_s": 60.0, **pod}


@pytest.mark.parametrize("case", cases("hpa_reconcile"))
def test_a_whole_sync(case: Case) -> None:
    policy, seen = whole(case)
    log_given = case["recommendation_log"] == []
    state = {**policy.fresh(), "recommendations": []} if log_given else policy.fresh()
    decision = policy.step(1e6, seen, state)  # type: ignore[arg-type]
    assert decision.desired == case["expected"]["desired_replicas"]
    word = case["expected"].get("condition", "/").partition("/")[2]
    if word in ("ScalingDisabled", "TooManyReplicas", "TooFewReplicas", "ScaleUpLimit", "DesiredWithinRange"):
        assert decision.reason.partition(":")[0] == word
    if word.startswith("FailedGet"):
        assert decision.reason.startswith(word)
