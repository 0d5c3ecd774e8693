"""Every policy of a Union is one class that has all that depends on its kind."""

from collections.abc import Callable
from dataclasses import fields, replace
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from support.records import assert_record

from simcost.plan.autoscaling import (
    AwsScaling,
    Chain,
    DynamoPlanner,
    Fixed,
    Hpa,
    Keda,
    Kpa,
    Policy,
    Predictive,
    RayServe,
    Scaling,
    Schedule,
    Step,
    TargetConcurrency,
    Wva,
)
from simcost.plan.autoscaling.aws import TargetTracking
from simcost.plan.autoscaling.hpa import Metric
from simcost.plan.autoscaling.keda import MetricTrigger
from simcost.plan.autoscaling.wva import PUBLISHED, Follower, Recommender
from simcost.plan.nodes import Nodes
from simcost.plan.routing import EndpointPicker, Router, Weighted
from simcost.plan.routing.scorers import QueueDepth, Scorer
from simcost.plan.scheduling import Discipline, OnNodes, Placement, Rank, Scheduler, Shortest
from simcost.plan.serving import Admission
from simcost.plan.spot import SpotPolicy
from simcost.sim.clock import Clock
from simcost.sim.jobs.engine.setup import DISCIPLINES
from simcost.sim.jobs.simulate_on_nodes import POLICIES
from simcost.sim.serving.engine import layout
from simcost.sim.serving.router_codes import routing_parameters

UNIONS = {
    "scaling": Scaling,
    "router": Router,
    "scorer": Scorer,
    "spot": SpotPolicy,
    "nodes": Nodes,
    "scheduler": Scheduler,
    "placement": Placement,
}
MEMBERS = sorted({name for name in (*vars(Policy), *Policy.__annotations__) if not name.startswith("_")})
"""What a scaling policy must have."""


def each_of(union: Any) -> Any:
    return pytest.mark.parametrize("policy", get_args(union), ids=lambda policy: str(policy.__name__))


@pytest.mark.parametrize("union", UNIONS.values(), ids=UNIONS)
def test_every_policy_is_a_record_of_its_own_kind(union: Any) -> None:
    kinds = []
    for policy in get_args(union):
        assert_record(policy)
        kind = get_type_hints(policy)["kind"]
        assert get_origin(kind) is Literal, policy
        [plain] = [field.default for field in fields(policy) if field.name == "kind"]
        assert get_args(kind) == (plain,), policy
        kinds.append(plain)
        assert policy.__doc__, policy
    assert len(set(kinds)) == len(kinds)


@each_of(Scaling)
def test_every_scaling_policy_has_the_members_of_the_protocol(policy: type) -> None:
    assert {"kind", "interval"} <= {*dir(policy)}
    assert [name for name in MEMBERS if not hasattr(policy, name)] == []
    configured = {field.name for field in fields(policy)}
    assert configured & set(MEMBERS) <= {"interval"}, "a constant of the kind is no field"
    for name in MEMBERS:
        if callable(declared := getattr(Policy, name, None)):
            assert parameters(getattr(policy, name)) == parameters(declared), name


def parameters(method: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [
        (parameter.name, parameter.kind)
        for parameter in signature(method).parameters.values()
        if parameter.kind is not Parameter.VAR_KEYWORD
    ]


HPA = Hpa(max=9, metrics=(Metric(type="External", name=PUBLISHED, target_type="AverageValue", target=3),))
EXAMPLES: list[Scaling] = [
    Fixed(replicas=3),
    Schedule(steps=(Step(at=0.0, replicas=3),)),
    TargetConcurrency(target=4, max=9),
    HPA,
    Keda(max=9, triggers=(MetricTrigger(name="waiting", threshold=1),)),
    Kpa(target=4),
    RayServe(max=9),
    AwsScaling(max=9, policies=(TargetTracking(metric="in_flight", target=4),)),
    DynamoPlanner(max_gpu_budget=9),
    Wva(max=9),
    Chain(first=Wva(max=9), then=HPA),
    Predictive(demand=(6.0,), step_length=60, per_replica=2, lead=30, max=9),
]
ITSELF = (Fixed, Schedule, Kpa, Predictive)
"""Policies whose other fields set the start."""


def test_there_is_an_example_of_every_scaling_policy() -> None:
    assert {type(policy) for policy in EXAMPLES} == set(get_args(Scaling))


@pytest.mark.parametrize("policy", EXAMPLES, ids=lambda policy: str(policy.kind))
def test_a_policy_starts_with_other_replicas_and_is_otherwise_the_same(policy: Scaling) -> None:
    moved = policy.starting_with(7)
    assert type(moved) is type(policy)
    if isinstance(policy, ITSELF):
        assert moved is policy
        return
    assert moved.initial() == 7
    scales = (lambda one: one.then) if isinstance(policy, Chain) else (lambda one: one)
    assert replace(scales(moved), start=None) == replace(scales(policy), start=None)


def test_what_publishes_and_what_follows_are_scaling_policies() -> None:
    assert {*get_args(Recommender), *get_args(Follower)} <= set(get_args(Scaling))


@pytest.mark.parametrize("union", [Router, Scorer], ids=["router", "scorer"])
def test_every_router_and_scorer_has_compiled_code_of_its_own(union: Any) -> None:
    assert sorted(policy.code for policy in get_args(union)) == [*range(len(get_args(union)))]


def test_scorers_have_the_codes_of_the_engine() -> None:
    named = {"QueueDepth": "BY_QUEUE", "RunningRequests": "BY_RUNNING", "KvCacheUtilization": "BY_KV"}
    named |= {"LoadAware": "BY_LOAD", "ActiveRequest": "BY_ACTIVE", "TokenLoad": "BY_TOKENS"}
    named |= {"SessionAffinity": "BY_AFFINITY", "PrefixCache": "BY_PREFIX", "LoraAffinity": "BY_ADAPTER"}
    assert {one.__name__: one.code for one in get_args(Scorer)} == {
        name: getattr(layout, code) for name, code in named.items()
    }


@each_of(Router)
def test_the_engine_takes_every_router(policy: Callable[..., Router]) -> None:
    picks = {"scorers": (Weighted(scorer=QueueDepth(), weight=1),)} if policy is EndpointPicker else {}
    clock = Clock(ticks_per_ns=1, base=np.ones(2, np.int64), b=0, c=0, d=0, e=0, e_shift=0)
    assert len(routing_parameters(policy(**picks), Admission(), clock)) == 14


@each_of(Scheduler)
def test_every_scheduler_has_a_discipline_and_a_rank(policy: Any) -> None:
    assert policy.discipline in get_args(Discipline)
    assert policy.ranks_by in get_args(Rank)
    assert not {"discipline", "ranks_by"} & {field.name for field in fields(policy)}
    assert (policy.ranks_by in ("duration", "service")) == issubclass(policy, Shortest)


def test_every_discipline_is_compiled_and_used() -> None:
    used = {policy.discipline for policy in get_args(Scheduler)}
    assert used == set(get_args(Discipline)) == {*DISCIPLINES, "elastic"}


def test_every_placement_on_nodes_is_compiled() -> None:
    assert set(POLICIES) == set(get_args(OnNodes))
