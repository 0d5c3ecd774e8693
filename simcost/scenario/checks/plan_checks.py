"""Checks of a scenario against the catalog: the names in it must exist, fit and agree.

Each check reads the nodes, and takes a plan as an object where its schema holds, so that one fault does not
hide another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from simcost.billing import Buy, OnDemand, Owned, Spot
from simcost.catalog import Accelerator, Catalog, Model, load_catalog
from simcost.catalog.contracts import about_nothing
from simcost.catalog.provider_facts import lacking_facts
from simcost.errors import Fault, FaultsError, InputError, did_you_mean
from simcost.perf import ReplicaSpec, fit_memory, step_source
from simcost.plan.nodes import FixedNodes
from simcost.scenario.checks.adapter_checks import adapter_faults
from simcost.scenario.checks.closed_checks import closed_faults
from simcost.scenario.checks.commitment_checks import commitment_faults
from simcost.scenario.checks.cpu_checks import cpu_faults, no_room
from simcost.scenario.checks.disaggregation_checks import combination_faults, node_faults, region_faults
from simcost.scenario.checks.job_checks import cluster_faults, job_faults
from simcost.scenario.checks.quality_checks import quality_faults
from simcost.scenario.checks.routing_checks import routing_faults
from simcost.scenario.checks.slice_checks import slice_faults
from simcost.scenario.checks.speculation_checks import speculation_faults
from simcost.scenario.checks.tenant_checks import fair_faults, patience_faults, tenant_faults
from simcost.scenario.files.faults import ask, fault_at, file_faults, repeated_names
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.inputs.disaggregation import prefill_plan
from simcost.scenario.inputs.offer_dimensions import choice_faults
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.scenario import Plan
from simcost.tables.calendar import find_zone, parse_freq
from simcost.tables.paths import inside
from simcost.units import plural

_MOST_POWER, _HOST_KW = 5.0, 2.0
"""A node draws no more than this many times its accelerators at full load, and so much more; of 8 H100 it is 1.8."""


def find_catalog(root: YamlNode, file: Path, home: Path) -> tuple[Catalog | None, list[Fault]]:
    """Our facts with those of the scenario's own folder over them; `home`: the folder that its name is relative to."""
    own = root.get("catalog")
    if own is None or not isinstance(own.value, str):
        return load_catalog(), []
    try:
        folder = inside(home, own.value)
        catalog = load_catalog(folder)
        return catalog, list(_contract_faults(catalog, folder))
    except FaultsError as error:
        return None, list(error.faults)
    except (InputError, OSError) as error:
        return None, [fault_at(own, str(error), str(file))]


def _contract_faults(catalog: Catalog, folder: Path) -> Iterator[Fault]:
    """Contracts about nothing that the catalog has: the list price would be paid without a word."""
    facts = catalog.facts
    if facts.contracts:
        for contract, said in about_nothing(facts.contracts, facts.offers, facts.tier_prices, facts.token_prices):
            yield Fault(file=str(folder / "contracts.csv"), path=contract.name, message=said)


def scenario_faults(root: YamlNode, file: str, folder: Path, *, apart: bool = False) -> Iterator[Fault]:
    """Names, baseline, workload, targets: checks that hold whatever the catalog says; `apart`: the scenario has the
    requests of one of several services, or the jobs beside them.
    """
    plans = items(root.get("plans"))
    yield from _name_faults(root, plans, file)
    yield from _source_faults(root, file)
    for workload in items(root.get("workload")):
        yield from _workload_faults(root, workload, file, folder)
    yield from closed_faults(root, file)
    demand = root.get("demand")
    if demand is not None and isinstance(demand.value, dict):
        yield from _demand_faults(root, demand, file, folder)
    yield from job_faults(root, file, folder, apart=apart)
    yield from tenant_faults(root, file)


def plan_faults(
    root: YamlNode, plans: Sequence[Plan | None], catalog: Catalog, without_prefixes: str, file: str
) -> Iterator[Fault]:
    """Plans that the facts contradict; a plan that is None has other faults already."""
    shared, missing = ask(root.get("model"), file, catalog.model)
    yield from missing
    yield from quality_faults(root, plans, catalog, file)
    yield from choice_faults(root, catalog, file)
    yield from patience_faults(root, plans, file)
    yield from fair_faults(root, plans, file)
    yield from adapter_faults(root, plans, file)
    for node, plan in zip(items(root.get("plans")), plans, strict=True):
        replica, buy = node.get("replica"), node.get("buy")
        own, missing = ask(node.get("model"), file, catalog.model)
        yield from missing
        model = own if is_given(node.get("model")) else shared
        yield from cluster_faults(node, plan, catalog, file)
        yield from commitment_faults(node, plan, catalog, file)
        yield from routing_faults(plan, node, without_prefixes, file)
        yield from combination_faults(root, node, plan, file)
        yield from _fleet_faults(node, replica, buy, plan, catalog, model, file)
        apart = node.get("disaggregation")
        if apart is not None and is_given(apart) and plan is not None and plan.disaggregation is not None:
            own_replica, own_buy = apart.get("replica"), apart.get("buy")
            replica = own_replica if own_replica is not None and is_given(own_replica) else replica
            buy = own_buy if own_buy is not None and is_given(own_buy) else buy
            others = _fleet_faults(apart, replica, buy, prefill_plan(plan), catalog, model, file)
            yield from list(node_faults(apart, plan, catalog, file)) or others
            yield from region_faults(apart, plan, catalog, file)


def _fleet_faults(
    node: YamlNode,
    replica: YamlNode | None,
    buy: YamlNode | None,
    plan: Plan | None,
    catalog: Catalog,
    model: Model | None,
    file: str,
) -> Iterator[Fault]:
    """Replicas that do not fit, and nodes that do not hold them."""
    if replica is None or not is_given(replica) or buy is None:
        return
    accelerator, missing = ask(replica.get("accelerator"), file, catalog.accelerator)
    yield from missing
    if model is not None and accelerator is not None and plan is not None and plan.replica is not None:
        faults = [*cpu_faults(node, buy, plan, file), *slice_faults(replica, plan, catalog, accelerator, file)]
        faults += [] if faults else speculation_faults(replica, plan, catalog, model, file)
        yield from faults or _memory_faults(replica, plan, plan.replica, catalog, model, accelerator, file)
    for part, option in _purchase_options(node, buy, plan):
        yield from _purchase_faults(part, option, plan, catalog, accelerator, file)
    yield from _choice_faults(node.get("or_buy"), plan, file)


def _purchase_options(node: YamlNode, buy: YamlNode, plan: Plan | None) -> Iterator[tuple[YamlNode, Buy | None]]:
    """Purchase options of a plan, as written and, where the schema holds, as objects."""
    parts = [buy, *items(node.get("or_buy"))]
    return zip(parts, [None] * len(parts) if plan is None else [plan.buy, *plan.or_buy], strict=True)


def _choice_faults(node: YamlNode | None, plan: Plan | None, file: str) -> Iterator[Fault]:
    """Further kinds of nodes where there is nothing to choose."""
    if node is None or plan is None or not plan.or_buy:
        return
    if not isinstance(plan.buy, OnDemand | Spot):
        message = f"cannot be combined with buy of kind {plan.buy.kind}; only on-demand and spot can be listed"
        yield fault_at(node, message, file)
    if isinstance(plan.nodes, FixedNodes):
        yield fault_at(node, "has no effect: nodes of kind fixed are all of `buy`; remove one of the two", file)
    if isinstance(plan.training, OnShared):
        yield fault_at(node, "has no effect: the nodes of a shared fleet are all of `buy`; remove it", file)


def _memory_faults(
    node: YamlNode,
    plan: Plan,
    replica: ReplicaSpec,
    catalog: Catalog,
    model: Model,
    accelerator: Accelerator,
    file: str,
) -> Iterator[Fault]:
    try:
        fit_memory(model, accelerator, replica, plan.batching.max_num_batched_tokens, catalog)
        step_source(catalog, model, accelerator, replica)
    except InputError as error:
        yield fault_at(node, str(error), file)


def _purchase_faults(
    buy: YamlNode,
    option: Buy | None,
    plan: Plan | None,
    catalog: Catalog,
    accelerator: Accelerator | None,
    file: str,
) -> Iterator[Fault]:
    place, region = buy.get("offer"), buy.get("region")
    wanted = region.value if region is not None and isinstance(region.value, str) else None
    offer, missing = ask(place, file, catalog.offer, wanted)
    yield from missing
    if place is None or offer is None:
        yield from _own_node_faults(buy, plan, catalog, file)
        yield from _power_faults(buy, option, accelerator, file)
        return
    if plan is not None and option is not None:
        yield from _price_faults(place, plan, option, catalog, offer.provider, file)
    if plan is not None and plan.replica is not None and plan.replica.on_cpu:
        if why := no_room(offer, plan.replica):
            roomy = [one.name for one in catalog.offers_for("cpu") if not no_room(one, plan.replica)]
            hint = f"; offers that hold it: {', '.join(roomy[:3])}" if roomy else ""
            yield fault_at(place, f"{offer.name} {why}{hint}", file)
    elif accelerator is not None and accelerator.name != offer.accelerator:
        having = sorted(catalog.offers_for(accelerator.name), key=lambda one: one.provider != offer.provider)
        names = dict.fromkeys(one.name for one in having)
        others = f"; offers with {accelerator.name}: {', '.join([*names][:3])}" if names else ""
        has = offer.accelerator or "no accelerator"
        message = f"{offer.name} has {has}, the replica wants {accelerator.name}; change one{others}"
        yield fault_at(place, message, file)
    elif plan is not None and plan.replica is not None and offer.accelerators % plan.replica.accelerators:
        has = plural(offer.accelerators, "accelerator")
        message = f"{offer.name} has {has}, no multiple of {_layout(plan.replica)}"
        yield fault_at(place, f"{message}; choose another offer or tp", file)


def _own_node_faults(buy: YamlNode, plan: Plan | None, catalog: Catalog, file: str) -> Iterator[Fault]:
    """Nodes that are no offer of the catalog and do not hold a whole number of replicas."""
    if plan is None or plan.replica is None or hasattr(plan.buy, "offer"):
        return
    each = plan.buy.node_accelerators(catalog, plan.replica.accelerators)
    if each % plan.replica.accelerators:
        message = f"{each} accelerators are not a multiple of {_layout(plan.replica)}"
        yield fault_at(buy, message, file, "accelerators")


def _power_faults(buy: YamlNode, option: Buy | None, accelerator: Accelerator | None, file: str) -> Iterator[Fault]:
    """Owned nodes that draw far more than their accelerators can: a power in watts, mostly."""
    if not isinstance(option, Owned) or accelerator is None or accelerator.power_w is None:
        return
    rated_kw = option.accelerators * accelerator.power_w / 1000
    if option.power > _MOST_POWER * rated_kw + _HOST_KW:
        message = (
            f"{option.power:,g} kW is far more than a node with {option.accelerators} x {accelerator.name} draws, "
            f"which take {rated_kw:.3g} kW at full load by their data sheet; give its average power, such as "
            f"{rated_kw:.2g}kW"
        )
        yield fault_at(buy, message, file, "power")


def _layout(replica: ReplicaSpec) -> str:
    """Make-up of the accelerators of a replica: `tp 8`, or `tp 4 x pp 2 = 8`."""
    parts = [f"tp {replica.tp}", *(f"{name} {n}" for name, n in (("pp", replica.pp), ("dp", replica.dp)) if n > 1)]
    return " x ".join(parts) + (f" = {replica.accelerators}" if len(parts) > 1 else "")


def _price_faults(
    place: YamlNode, plan: Plan, option: Buy, catalog: Catalog, provider: str, file: str
) -> Iterator[Fault]:
    """Rules and prices that a bill of the plan will need."""
    items = ["storage"] if option.storage is None and plan.startup.disk else []
    items += ["egress"] if option.egress is None and plan.response_bytes_per_token else []
    if lacking := lacking_facts(catalog, provider, items):
        yield fault_at(place, lacking, file)
    if isinstance(option, Spot):
        yield from ask(place, file, lambda _: option.usd_per_h(catalog))[1]


def _name_faults(root: YamlNode, plans: Sequence[YamlNode], file: str) -> Iterator[Fault]:
    names: list[str] = []
    for name in (plan.get("name") for plan in plans):
        if name is not None and isinstance(name.value, str):
            if name.value in names:
                yield fault_at(name, f"{name.value!r} is the name of a plan before too; names must differ", file)
            names.append(name.value)
    baseline = root.get("baseline")
    if baseline is not None and isinstance(baseline.value, str) and baseline.value not in names:
        near = did_you_mean(baseline.value, names) or f"; plans are {', '.join(names)}"
        yield fault_at(baseline, f"{baseline.value!r} is none of the plans{near}", file)


def _workload_faults(root: YamlNode, workload: YamlNode, file: str, folder: Path) -> Iterator[Fault]:
    kind = workload.get("kind")
    if kind is not None and kind.value == "trace":
        yield from _trace_faults(workload.get("path"), file, folder)
    if kind is not None and kind.value == "closed":
        yield from stream_faults(workload, file, folder)
    if kind is not None and kind.value == "synthetic":
        for part in (workload, *items(workload.get("clients"))):
            yield from stream_faults(part, file, folder)
        if not is_given(root.get("horizon")) and not is_given(root.get("demand")):
            yield fault_at(root, "is required with a synthetic workload, which has no end of its own", file, "horizon")


def _source_faults(root: YamlNode, file: str) -> Iterator[Fault]:
    """There must be requests, from one place, or jobs; what serves requests is there if they are."""
    workload, demand = root.get("workload"), root.get("demand")
    if not is_given(workload) and not is_given(demand):
        if not is_given(root.get("jobs")):
            message = "is missing; write the requests to replay or to draw, a `demand` to forecast, or `jobs` to run"
            yield fault_at(root, message, file, "workload")
        return
    if is_given(workload) and demand is not None and is_given(demand):
        yield fault_at(demand, "cannot be combined with a workload; write one of the two", file)
    plans = items(root.get("plans"))
    unnamed = not plans or any(not is_given(plan.get("model")) for plan in plans)
    for node, keys in ((root, ("model",) if unnamed else ()), *((plan, ("replica", "scaling")) for plan in plans)):
        yield from (
            fault_at(node, "is required, and missing", file, key)
            for key in keys
            if isinstance(node.value, dict) and not is_given(node.get(key))
        )


def _demand_faults(root: YamlNode, demand: YamlNode, file: str, folder: Path) -> Iterator[Fault]:
    """The history and all traces must be there, the time zone known, events have names of their own, and no
    second horizon be given.
    """
    yield from _trace_faults(demand.get("history"), file, folder)
    yield from _trace_faults(demand.get("hours"), file, folder)
    for stream in items(demand.get("requests")):
        yield from stream_faults(stream, file, folder)
    horizon = root.get("horizon")
    if horizon is not None and is_given(horizon):
        yield fault_at(horizon, "cannot be combined with a demand; write it as demand.forecast.horizon", file)
    yield from repeated_names(items(demand.get("events")), file, "event")
    ahead = demand.get("forecast")
    yield from ask(demand.get("timezone"), file, find_zone)[1]
    yield from ask(ahead.get("freq") if ahead is not None else None, file, parse_freq)[1]


def stream_faults(stream: YamlNode, file: str, folder: Path) -> Iterator[Fault]:
    """Traces that a stream of requests draws from, and that are not there."""
    for part in (stream.get(name) for name in ("gaps", "lengths", "sessions")):
        yield from _trace_faults(part.get("trace") if part is not None else None, file, folder)


def _trace_faults(node: YamlNode | None, file: str, folder: Path) -> Iterator[Fault]:
    return file_faults(node, file, folder, "`simcost trace import` makes one")
