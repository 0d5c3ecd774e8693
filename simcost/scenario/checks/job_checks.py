"""Faults of scenarios with jobs: what belongs to requests or to jobs alone, clusters that contradict themselves or
the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from simcost.billing import Buy
from simcost.catalog import Catalog
from simcost.catalog.provider_facts import lacking_facts
from simcost.errors import Fault, InputError, did_you_mean
from simcost.plan.nodes import AtOnce
from simcost.plan.scheduling import Elastic, Rigid
from simcost.scenario.files.faults import ask, fault_at, file_faults
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.schema.jobs import OnNodes, OnShared, storage_of_spot
from simcost.scenario.schema.scaling import PlanScaling
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.tables.calendar import find_zone

_SERVING = (
    "replica",
    "scaling",
    "metrics",
    "batching",
    "router",
    "admission",
    "startup",
    "model",
    "quality",
    "drain",
    "nodes",
    "interruptions",
    "response_bytes_per_token",
)
"""Fields of a plan that are about serving requests."""
_OF_REQUESTS = ("ttft", "tpot", "e2e", "percentiles", "errors")
_OF_JOBS = ("wait", "jct", "deadlines")
ON_NODES = tuple(cls().kind for cls in get_args(Rigid))
"""Schedulers that place gangs on nodes."""


def job_faults(root: YamlNode, file: str, folder: Path, *, apart: bool = False) -> Iterator[Fault]:
    """Checks that hold whatever the catalog says: targets, the log, and the parts of each plan; `apart`: jobs and
    requests stand in scenarios of their own, and may share a fleet.
    """
    jobs, serves = root.get("jobs"), any(is_given(root.get(key)) for key in ("workload", "demand"))
    trains = is_given(jobs)
    yield from _target_faults(root.get("slo"), file, serves=serves or not trains, trains=trains)
    if trains and not serves and not apart:
        yield from _idle_faults(root, ("model", "quality", "engine_sigma"), file)
    for plan in items(root.get("plans")):
        training, own = plan.get("training"), plan.get("training_buy")
        if trains and isinstance(plan.value, dict) and not is_given(training):
            yield fault_at(plan, "is required with jobs, and missing", file, "training")
        if own is not None and is_given(own) and (not is_given(training) or _value(training, "kind") == "shared"):
            yield fault_at(own, "pays for a cluster of the jobs' own, and there is none; take it out", file)
        if trains and not serves and not apart:
            yield from _idle_faults(plan, _SERVING, file)
        if _value(training, "kind") == "shared":
            yield from _moving_faults(plan, file)
        yield from _training_faults(training, file, folder, serves=serves or apart, trains=trains or apart)
    if jobs is not None and isinstance(jobs.value, dict):
        yield from file_faults(jobs.get("path"), file, folder, "copy or import a job log to there")
        yield from _format_faults(jobs.get("format"), file)
        yield from ask(jobs.get("timezone"), file, find_zone)[1]


def cluster_faults(node: YamlNode, plan: Plan | None, catalog: Catalog, file: str) -> Iterator[Fault]:
    """A cluster that the facts contradict; a plan that is None has other faults already."""
    training = node.get("training")
    if training is None or not isinstance(training.value, dict):
        return
    own, spot = node.get("training_buy"), training.get("spot")
    bought = own if own is not None and is_given(own) else node.get("buy")
    yield from _offer_faults(bought, catalog, file, stores=_stores(plan, lambda buy: buy.storage))
    yield from _offer_faults(spot, catalog, file, stores=_stores(plan, storage_of_spot))
    if plan is None or plan.training is None:
        return
    buy, gpus = plan.training_buy or plan.buy, training.get("gpus")
    if isinstance(plan.training, OnNodes) or gpus is None:
        return
    yield from _size_faults(gpus, plan.training.gpus, buy, catalog, file)
    if isinstance(plan.training, OnShared) and plan.replica is not None and plan.scaling is not None:
        yield from _peak_faults(gpus, plan.training.gpus, plan.scaling, plan.replica.accelerators, file)


def fleet_faults(jobs: Scenario, services: Sequence[Scenario], root: YamlNode, file: str) -> Iterator[Fault]:
    """Fleets of jobs and services that are smaller than what the services may hold together."""
    for number, (plan, node) in enumerate(zip(jobs.plans, items(root.get("plans")), strict=True)):
        sharing = [
            service.plans[number] for service in services if isinstance(service.plans[number].training, OnShared)
        ]
        if not isinstance(plan.training, OnShared) or (training := node.get("training")) is None:
            continue
        if not sharing:
            yield fault_at(training, "shares a fleet with services, and each has a `buy` of its own", file)
        try:
            held = [_most(one) for one in sharing]
        except InputError:
            continue
        if sum(held) > plan.training.gpus:
            message = f"services may hold {sum(held)} GPUs together ({' + '.join(map(str, held))}); give as many"
            yield fault_at(training.get("gpus") or training, message, file)


def _most(plan: Plan) -> int:
    """GPUs that the replicas of a plan may hold, where its policy states it."""
    return 0 if plan.scaling is None or plan.replica is None else plan.scaling.largest() * plan.replica.accelerators


def _target_faults(slo: YamlNode | None, file: str, *, serves: bool, trains: bool) -> Iterator[Fault]:
    """At least one target, and none of what is not there."""
    if slo is None or not isinstance(slo.value, dict):
        return
    wanted = (*(_OF_REQUESTS if serves else ()), *(_OF_JOBS if trains else ()))
    if not any(is_given(slo.get(key)) for key in (*_OF_REQUESTS, *_OF_JOBS)):
        yield fault_at(slo, f"has no target; give at least one of {', '.join(wanted)}", file)
    for keys, there, what in ((_OF_REQUESTS, serves, "requests"), (_OF_JOBS, trains, "jobs")):
        for key in keys:
            target = slo.get(key)
            if target is not None and is_given(target) and not there:
                yield fault_at(target, f"is a target of {what}, and there are none; take it out", file)


def _idle_faults(node: YamlNode, keys: tuple[str, ...], file: str) -> Iterator[Fault]:
    """Parts that serve requests, where there are no requests."""
    for key in keys:
        part = node.get(key)
        if part is not None and is_given(part):
            message = "serves requests, and there are none: write a workload or a demand, or take it out"
            yield fault_at(part, message, file)


def _moving_faults(plan: YamlNode, file: str) -> Iterator[Fault]:
    """Nodes that come and go, where a shared fleet stays."""
    for key in ("nodes", "interruptions"):
        part = plan.get(key)
        if part is not None and is_given(part) and _value(part, "kind") != AtOnce().kind:
            yield fault_at(part, "makes nodes come and go; those of a shared fleet are there from start to end", file)


def _training_faults(
    training: YamlNode | None, file: str, folder: Path, *, serves: bool, trains: bool
) -> Iterator[Fault]:
    if training is None or not isinstance(training.value, dict):
        return
    if not trains:
        yield fault_at(training, "runs jobs, and there are none: write `jobs:` at the top, or take it out", file)
    kind, spot = training.get("kind"), training.get("spot")
    if kind is not None and kind.value == "shared" and trains and not serves:
        message = "shares a fleet with requests, and there are none; use kind gpus, nodes or spot"
        yield fault_at(kind, message, file)
    scheduler, failures = training.get("scheduler"), training.get("failures")
    placed = kind is not None and kind.value == "nodes" and _value(training.get("placement"), "kind") != "count"
    if placed:
        yield from _order_faults(scheduler, file)
    if failures is not None and _there(failures) and not _there(training.get("checkpoints")):
        yield fault_at(failures, "need `checkpoints`; write how jobs save their work", file)
    yield from _elastic_faults(training, file)
    if failures is not None and kind is not None:
        yield from _failure_faults(failures, str(kind.value), file, placed=placed)
    yield from file_faults(training.get("nodes"), file, folder, "put a list of nodes there")
    if spot is not None and isinstance(spot.value, dict):
        for key in ("availability", "prices"):
            yield from file_faults(spot.get(key), file, folder, "put recorded spot nodes there")
        price, prices = spot.get("price"), spot.get("prices")
        if prices is not None and is_given(prices) and is_given(price):
            yield fault_at(prices, "cannot be combined with a price; write one of the two", file)


def _failure_faults(failures: YamlNode, kind: str, file: str, *, placed: bool) -> Iterator[Fault]:
    """Options of failures that change nothing on a count of GPUs, or on nodes of a list."""
    repair, size = failures.get("repair"), failures.get("gpus_per_node")
    if not placed and repair is not None and is_given(repair):
        message = "is of gangs on nodes; of a count of GPUs others stand in at once: take it out"
        yield fault_at(repair, message, file)
    if kind == "nodes" and size is not None and is_given(size):
        yield fault_at(size, "is of a count of GPUs, and the list says it of the nodes: take it out", file)


def _elastic_faults(training: YamlNode, file: str) -> Iterator[Fault]:
    """Losses of work under a scheduler that has none."""
    for part in (training.get("failures"), training.get("checkpoints")):
        if _value(training.get("scheduler"), "kind") == Elastic().kind and part is not None and _there(part):
            yield fault_at(part, "cannot be combined with the scheduler elastic; take one of the two out", file)


def _order_faults(scheduler: YamlNode | None, file: str) -> Iterator[Fault]:
    """A scheduler that knows no nodes."""
    kind = _value(scheduler, "kind")
    if scheduler is not None and kind is not None and kind not in ON_NODES:
        message = f"{kind} works on GPU counts: write placement: count, or take one of {', '.join(ON_NODES)}"
        yield fault_at(scheduler, message, file)


def _format_faults(form: YamlNode | None, file: str) -> Iterator[Fault]:
    if form is None or not isinstance(form.value, str) or form.value == "auto":
        return
    from simcost.trace.jobs.formats import JOB_FORMATS

    if form.value not in JOB_FORMATS:
        near = did_you_mean(form.value, JOB_FORMATS)
        yield fault_at(form, f"{form.value!r} is not a format; known: auto, {', '.join(JOB_FORMATS)}{near}", file)


def _stores(plan: Plan | None, own_usd: Callable[[Buy], float | None]) -> bool:
    """True if the nodes of jobs have a disk that the plan itself gives no price of."""
    if plan is None or plan.training is None or isinstance(plan.training, OnShared) or not plan.training.disk:
        return False
    return own_usd(plan.training_buy or plan.buy) is None


def _offer_faults(buy: YamlNode | None, catalog: Catalog, file: str, *, stores: bool) -> Iterator[Fault]:
    """An offer that is not there, has no price or no accelerators; `stores`: the price of its disk is needed, too."""
    place = None if buy is None else buy.get("offer")
    region = None if buy is None else buy.get("region")
    wanted = region.value if region is not None and isinstance(region.value, str) else None
    offer, missing = ask(place, file, catalog.offer, wanted)
    yield from missing
    if place is None or offer is None:
        return
    if lacking := lacking_facts(catalog, offer.provider, ["storage"] if stores else []):
        yield fault_at(place, lacking, file)
    if not offer.accelerators:
        yield fault_at(place, f"{offer.name} has no accelerators; jobs need some", file)
    prices = [] if buy is None else [buy.get(key) for key in ("price", "prices")]
    if "spot" in place.path and offer.spot_usd_per_h is None and not any(map(is_given, prices)):
        lacks = f"the catalog has no spot price of {offer.name}; give price or prices"
        yield fault_at(place, f"{lacks} (the file of the availability, if it has a column of them)", file)


def _size_faults(place: YamlNode, gpus: int, buy: Buy, catalog: Catalog, file: str) -> Iterator[Fault]:
    """GPUs that are not a whole number of nodes."""
    try:
        each = buy.node_accelerators(catalog, 1)
    except InputError:
        return  # said already
    if each and gpus % each:
        more = -(-gpus // each) * each
        name = getattr(buy, "offer", "a node")
        message = f"{gpus} GPUs are not a multiple of the {each} of {name}; write e.g. {more}"
        yield fault_at(place, message, file)


def _peak_faults(place: YamlNode, gpus: int, scaling: PlanScaling, per_replica: int, file: str) -> Iterator[Fault]:
    """A fleet smaller than what requests may hold, where their policy states it."""
    try:
        most = scaling.largest()
    except InputError:
        return
    if most * per_replica > gpus:
        message = f"requests may hold {most * per_replica} GPUs ({most} replicas of {per_replica}); give as many"
        yield fault_at(place, message, file)


def _there(node: YamlNode | None) -> bool:
    """True if something was written, be it `{}`: all defaults."""
    return node is not None and node.value is not None


def _value(node: YamlNode | None, key: str) -> str | None:
    child = None if node is None else node.get(key)
    return child.value if child is not None and isinstance(child.value, str) else None
