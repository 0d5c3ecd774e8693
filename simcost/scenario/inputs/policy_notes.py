"""Notes on autoscalers that cannot do what they seem to: targets out of reach, sums that more replicas do not lower."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import TYPE_CHECKING

from simcost.plan import Scaling
from simcost.plan.autoscaling import AwsScaling, Chain, DynamoPlanner, Hpa, Keda, Signal, Wva
from simcost.plan.autoscaling.aws import TargetTracking
from simcost.plan.autoscaling.keda import MetricTrigger
from simcost.plan.autoscaling.metric_adapter import is_of_engines
from simcost.plan.autoscaling.wva import SaturationThresholds

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Plan

_SHARES = ("kv_utilisation", "busy_fraction")
"""Signals that are at most 1."""


def policy_notes(scaling: Scaling, plan: Plan) -> Iterator[str]:
    """Sentences on the autoscaler of a plan."""
    yield from _tracked_sums(scaling)
    yield from _out_of_reach(scaling, plan)
    yield from _woken_by_engines(scaling, plan)
    yield from _not_followed(scaling)
    if why := _stays_at_zero(scaling):
        yield f"It never leaves 0 replicas, however many requests wait: {why}."
    if isinstance(scaling, DynamoPlanner) and scaling.never_scales:
        yield (
            "Its planner scales by throughput alone and waits for engine_rps, the requests per second that one replica "
            "serves within the SLA, so that it never changes the replicas: write it in its config, or under scaling."
        )


def _stays_at_zero(scaling: Scaling) -> str:
    """Reason why a policy that may have 0 replicas asks for none from then on; empty where it does not."""
    if isinstance(scaling, Chain):
        alone = scaling.smallest() == 0 and len(scaling.then.reads()) == 1
        return _stays_at_zero(scaling.then) or (_stays_at_zero(scaling.first) if alone else "")
    if isinstance(scaling, Hpa) and scaling.min > 0 and scaling.initial() == 0:
        return "an HPA is disabled there unless its min is 0; write `start`, or leave it out"
    if isinstance(scaling, Hpa) and scaling.min == 0 and all(metric.of_pods for metric in scaling.metrics):
        return "without pods its metrics have no value; give it an Object or External metric, or a min of 1"
    if isinstance(scaling, AwsScaling) and scaling.min == 0 and scaling.never_wakes:
        return (
            "target tracking and percentages are in proportion to the replicas there are; add step scaling by numbers"
        )
    if isinstance(scaling, DynamoPlanner) and scaling.initial() == 0 and scaling.by_load:
        return "its planner goes by the load of each engine; write a `start` of 1 or more"
    if isinstance(scaling, Wva) and scaling.min == 0 and scaling.initial() == 0:
        return "WVA goes by the KV use of each replica; write a `start` of 1 or more"
    return ""


def _tracked_sums(scaling: Scaling) -> Iterator[str]:
    """Target tracking of what more replicas do not lower."""
    for policy in scaling.policies if isinstance(scaling, AwsScaling) else ():
        if isinstance(policy, TargetTracking) and policy.of_all:
            yield (
                f"Target tracking of {policy.metric} reads the sum over replicas, which more of them do not lower, so "
                "that it grows to max while that is above the target; `over: mean` in its source is the value of each."
            )


def _out_of_reach(scaling: Scaling, plan: Plan) -> Iterator[str]:
    """Targets above the most that a replica ever has."""
    bounds = dict.fromkeys(_SHARES, 1.0) | {"running": float(plan.batching.max_num_seqs)}
    for name, target, of_pool in _targets(scaling):
        source = scaling.reads()[name] or (Signal(name=name),)  # type: ignore[arg-type]
        if any(one.name not in bounds or (of_pool and one.over == "sum") for one in source):
            continue
        most = fsum(one.scale * bounds[one.name] for one in source)
        if target > most:
            why = f"max_num_seqs is {most:g}" if source[0].name == "running" else "it is a share, not percent"
            yield (
                f"Its target of {name}, {target:g}, is above {most:g}, the most that a replica has of it, so that it "
                f"never asks for more of them: {why}."
            )


def _targets(scaling: Scaling) -> Iterator[tuple[str, float, bool]]:
    """Metrics, the value that is aimed at, and whether it is one of the pool."""
    if isinstance(scaling, Hpa):
        for metric in scaling.metrics:
            percent = metric.target_type == "Utilization"
            yield metric.key, metric.target / 100 if percent else metric.target, metric.target_type == "Value"
    elif isinstance(scaling, Keda):
        for trigger in scaling.triggers:
            if isinstance(trigger, MetricTrigger):
                percent = trigger.target_type == "Utilization"
                target = trigger.threshold / 100 if percent else trigger.threshold
                yield trigger.name, target, trigger.target_type == "Value"
    elif isinstance(scaling, AwsScaling):
        for policy in scaling.policies:
            if isinstance(policy, TargetTracking):
                yield policy.metric, policy.target, True


def _woken_by_engines(scaling: Scaling, plan: Plan) -> Iterator[str]:
    """Scaling to zero and back by metrics that nobody reports at zero replicas."""
    asleep = isinstance(scaling, Hpa | Keda) and (scaling.min == 0 or (isinstance(scaling, Keda) and scaling.idle == 0))
    if not asleep or (plan.metrics is not None and not plan.metrics.gateway):
        return
    names = [one.metric for source in scaling.reads().values() for one in source]
    if names and all(map(is_of_engines, names)):
        yield (
            f"It wakes from zero by {names[0]}, which engines report and nobody at zero replicas; here the gateway "
            "counts the requests that wait there. If yours does not, nothing wakes it: write metrics: {gateway: false}."
        )


def _not_followed(scaling: Scaling) -> Iterator[str]:
    """A recommender that waits for replicas which its follower never has."""
    if not isinstance(scaling, Chain) or not isinstance(scaling.first, Wva):
        return
    first, then = scaling.first, scaling.then
    if isinstance(first.rules, SaturationThresholds) and (first.min < then.min or first.max > then.max):
        yield (
            f"WVA may ask for {first.min} to {first.max} replicas, and the {then.kind} that follows keeps {then.min} "
            f"to {then.max}: once it has asked for a number outside them it waits for that and decides nothing more; "
            "give both the same min and max."
        )
