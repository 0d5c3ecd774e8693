"""Faults that only the facts can tell: what a scenario names must exist, fit and agree.

Each check reads the nodes, and takes a plan as an object where its schema holds, so that one fault does not
hide another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from simcost.catalog import Catalog, load_catalog
from simcost.errors import Fault, FaultsError, InputError, did_you_mean
from simcost.perf import fit_memory, step_time
from simcost.scenario.faults import fault_at
from simcost.scenario.model import Plan
from simcost.scenario.node import Node
from simcost.trace.paths import inside


def find_catalog(root: Node, file: Path) -> tuple[Catalog | None, list[Fault]]:
    """Our facts with those of the scenario's own folder over them."""
    own = root.get("catalog")
    if own is None or not isinstance(own.value, str):
        return load_catalog(), []
    try:
        return load_catalog(inside(file.parent, own.value)), []
    except FaultsError as error:
        return None, list(error.faults)
    except (InputError, OSError) as error:
        return None, [fault_at(own, str(error), str(file))]


def scenario_faults(root: Node, file: str, folder: Path) -> Iterator[Fault]:
    """Names, baseline, workload, targets: what holds whatever the catalog says."""
    plans = _items(root.get("plans"))
    yield from _name_faults(root, plans, file)
    for workload in _items(root.get("workload")):
        yield from _workload_faults(root, workload, file, folder)
    slo = root.get("slo")
    if slo is not None and isinstance(slo.value, dict) and not any(map(_given, _targets(slo))):
        yield fault_at(slo, "has no target; give at least one of ttft, tpot, e2e, percentiles, errors", file)


def plan_faults(root: Node, plans: Sequence[Plan | None], catalog: Catalog, file: str) -> Iterator[Fault]:
    """Plans that the facts contradict; a plan that is None has faults already."""
    model, named = None, root.get("model")
    if named is not None and isinstance(named.value, str):
        model, missing = _try(named, file, catalog.model, named.value)
        yield from missing
    for node, plan in zip(_items(root.get("plans")), plans, strict=True):
        if plan is not None:
            yield from _replica_faults(node, plan, catalog, model, file)
            yield from _purchase_faults(node, plan, catalog, file)


def _replica_faults(node: Node, plan: Plan, catalog: Catalog, model: Any, file: str) -> Iterator[Fault]:
    replica = _child(node, "replica")
    accelerator, missing = _try(
        _child(replica, "accelerator"), file, catalog.accelerator, plan.replica.accelerator
    )
    yield from missing
    if model is None or accelerator is None:
        return
    budget = plan.batching.max_num_batched_tokens
    fit, missing = _try(replica, file, fit_memory, model, accelerator, plan.replica, budget)
    if fit is not None:
        _, missing = _try(replica, file, step_time, catalog, model, accelerator, plan.replica)
    yield from missing


def _purchase_faults(node: Node, plan: Plan, catalog: Catalog, file: str) -> Iterator[Fault]:
    buy = _child(node, "buy")
    place = _child(buy, "offer")
    offer, missing = _try(place, file, catalog.offer, plan.buy.offer, plan.buy.region)
    yield from missing
    if offer is None:
        return
    yield from _try(place, file, catalog.billing_rule, offer.provider)[1]
    for item, own in (("storage", plan.buy.storage), ("egress", plan.buy.egress)):
        if own is None:
            yield from _try(place, file, catalog.tier_prices, offer.provider, item)[1]
    accelerator, _ = _try(place, file, catalog.accelerator, plan.replica.accelerator)
    if accelerator is not None and accelerator.name != offer.accelerator:
        message = (f"{offer.name} has {offer.accelerator}, the replica wants {accelerator.name}; "
                   f"change one of them{_offers(catalog, accelerator.name)}")  # fmt: skip
        yield fault_at(place, message, file)
    elif offer.accelerators % plan.replica.tp:
        message = (f"{offer.name} has {offer.accelerators} accelerators, which replicas of tp {plan.replica.tp} "
                   "do not fill; choose another offer or tp")  # fmt: skip
        yield fault_at(place, message, file)


def _offers(catalog: Catalog, accelerator: str) -> str:
    names = list(dict.fromkeys(offer.name for offer in catalog.offers_for(accelerator)))[:3]
    return f"; offers with {accelerator}: {', '.join(names)}" if names else ""


def _name_faults(root: Node, plans: Sequence[Node], file: str) -> Iterator[Fault]:
    named = [(plan, plan.get("name")) for plan in plans]
    names = [name.value for _, name in named if name is not None and isinstance(name.value, str)]
    seen: Counter[str] = Counter()
    for _, name in named:
        if name is not None and isinstance(name.value, str):
            seen[name.value] += 1
            if seen[name.value] > 1:
                yield fault_at(
                    name, f"{name.value!r} is the name of another plan too; names must differ", file
                )
    baseline = root.get("baseline")
    if baseline is not None and isinstance(baseline.value, str) and baseline.value not in names:
        near = did_you_mean(baseline.value, names) or f"; plans are {', '.join(names)}"
        yield fault_at(baseline, f"{baseline.value!r} is none of the plans{near}", file)


def _workload_faults(root: Node, workload: Node, file: str, folder: Path) -> Iterator[Fault]:
    kind = workload.get("kind")
    if kind is not None and kind.value == "trace":
        yield from _trace_faults(workload.get("path"), file, folder)
    if kind is not None and kind.value == "synthetic":
        lengths = workload.get("lengths")
        yield from _trace_faults(lengths.get("trace") if lengths else None, file, folder)
        if not _given(root.get("horizon")):
            yield fault_at(
                root, "is required with a synthetic workload, which has no end of its own", file, "horizon"
            )


def _trace_faults(node: Node | None, file: str, folder: Path) -> Iterator[Fault]:
    if node is None or not isinstance(node.value, str):
        return
    try:
        path = inside(folder, node.value)
        if not path.is_file():
            yield fault_at(
                node, f"no file {node.value!r} in {folder}; `simcost trace import` makes one", file
            )
    except (InputError, OSError, ValueError) as error:
        yield fault_at(node, str(error), file)


def _try(node: Node, file: str, ask: Callable[..., Any], *question: Any) -> tuple[Any, list[Fault]]:
    """The answer, or the fault at the node."""
    try:
        return ask(*question), []
    except InputError as error:
        return None, [fault_at(node, str(error), file)]


def _items(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []


def _child(node: Node, key: str) -> Node:
    """The child, or the node itself where a default stands in for it."""
    return node.get(key) or node


def _given(node: Node | None) -> bool:
    return node is not None and node.value is not None and node.value != {}


def _targets(slo: Node) -> list[Node | None]:
    return [slo.get(key) for key in ("ttft", "tpot", "e2e", "percentiles", "errors")]
