"""Hardware, instance, terms and scaling of plans, from the scenario as it was run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simcost.present.format import NONE, count, exact
from simcost.studies.review.result import PlanTerms

Mapped = Mapping[str, Any]
_GROUPS = ("services", "pools")
"""Keys of a plan or a service under which groups of replicas stand."""
_QUEUES = {"spot": "fifo-skip", "shared": "fifo-skip"}
"""Order of the queue of clusters that have no scheduler to choose, by kind."""
_LEVELS = ("target", "target_utilization", "per_replica", "rate")


def terms_of(plan: Mapped, document: Mapped) -> list[PlanTerms]:
    """A row for each group of replicas of a plan, one where they are all alike.

    Args:
        plan: as it was run.
        document: the same plan in the document of the run.
    """
    return [_terms(name, group, document) for name, group in _groups(str(plan["name"]), plan)]


def _groups(name: str, group: Mapped) -> Iterator[tuple[str, Mapped]]:
    inner = [one for key in _GROUPS for one in _listed(group.get(key))]
    prefill = group.get("disaggregation")
    if prefill:
        yield f"{name}: prefill", {**group, **{key: one for key, one in prefill.items() if one is not None}}
        yield f"{name}: decode", group
    elif not inner:
        yield name, group
    for one in inner:
        shared = {key: value for key, value in group.items() if key not in _GROUPS}
        own = {key: value for key, value in one.items() if value is not None}
        yield from _groups(f"{name}: {one['name']}" if "name" in one else name, {**shared, **own})


def _listed(value: Any) -> list[Mapped]:
    """The mappings of a list, or of a mapping from names."""
    if isinstance(value, Mapping):
        return [{"name": name, **one} for name, one in value.items() if isinstance(one, Mapping)]
    return [one for one in value or () if isinstance(one, Mapping)]


def _terms(name: str, group: Mapped, document: Mapped) -> PlanTerms:
    buy = group.get("buy") or group.get("training_buy") or {}
    offer = str(buy.get("offer") or NONE)
    price: Mapped = next((one for one in document["prices"] if f"{one['provider']}/{one['sku']}" == offer), {})
    return PlanTerms(
        plan=name,
        hardware=_hardware(group, document),
        offer=offer,
        region=str(price.get("region") or buy.get("region") or NONE),
        usd_per_h=_usd_per_h(buy, price),
        terms=_bought(group, buy),
        scaling=_scaling(group),
    )


def _usd_per_h(buy: Mapped, price: Mapped) -> float | None:
    """The price that the plan states, or the list price; a spot price that it does not state is not one number."""
    stated = buy.get("price")
    if isinstance(stated, int | float):
        return float(stated)
    return None if buy.get("kind") == "spot" else price.get("usd")


def _hardware(group: Mapped, document: Mapped) -> str:
    """`l40s fp8`, `2 x h100 bf16`, `704 GPUs`."""
    replica, gpus = group.get("replica"), f"{count(document['gpus'])} GPUs" if "gpus" in document else ""
    if not replica:
        return gpus or NONE
    devices = 1
    for axis in ("tp", "pp", "dp"):
        devices *= int(replica.get(axis) or 1)
    kind = " ".join(str(replica[key]) for key in ("accelerator", "precision") if replica.get(key))
    words = f"{devices} x {kind}" if devices > 1 else kind
    drafter = (replica.get("speculation") or {}).get("drafter")
    words += f", drafts of {drafter}" if drafter else ""
    return f"{words}; {gpus} with jobs" if gpus else words


def _bought(group: Mapped, buy: Mapped) -> str:
    training = group.get("training") or {}
    spot, steady = training.get("spot"), training.get("gpus") or group.get("replica")
    words = [_words(buy.get("kind") or NONE)] if steady or not spot else []
    if buy.get("commitments"):
        words.append(f"{len(buy['commitments'])} commitments" if len(buy["commitments"]) > 1 else "a commitment")
    if spot:
        price = f" at ${exact(spot['price'])}/h" if spot.get("price") is not None else ""
        words.append(f"{'and ' if words else ''}{count(spot['nodes'])} spot {spot['offer']}{price}")
    if group.get("or_buy"):
        words.append(f"or {len(group['or_buy'])} more kinds")
    if group.get("overflow"):
        words.append(f"API {group['overflow']['api']} for the overflow")
    return ", ".join(words)


def _scaling(group: Mapped) -> str:
    """`fixed, 4`, `target concurrency 40, 1 to 3`, `manifest hpa.yaml`; of jobs, the order of the queue."""
    training = group.get("training") or {}
    scheduler = (training.get("scheduler") or {}).get("kind") or _QUEUES.get(str(training.get("kind")))
    words = [_replicas(group["scaling"])] if group.get("scaling") else []
    return "; ".join([*words, *([f"jobs {_words(scheduler)}"] if scheduler else [])]) or NONE


def _replicas(scaling: Mapped) -> str:
    kind = " ".join(filter(None, [_words(scaling.get("kind") or "manifest"), scaling.get("path")]))
    if scaling.get("replicas") is not None:
        return f"{kind}, {exact(scaling['replicas'])}"
    level = next((f" {exact(scaling[key])}" for key in _LEVELS if isinstance(scaling.get(key), int | float)), "")
    return f"{kind}{level}{_bounds(scaling.get('min'), scaling.get('max'))}"


def _bounds(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return f", up to {exact(high)}" if high is not None else f", from {exact(low)}" if low is not None else ""
    return f", {exact(low)} to {exact(high)}"


def _words(kind: object) -> str:
    return str(kind).replace("-", " ")
