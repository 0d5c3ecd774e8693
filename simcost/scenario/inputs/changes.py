"""Scenarios with one value changed: a field of the file, the demand, the engine, a price."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor

from simcost.billing import ManagedEndpoint, OnDemand, Spot
from simcost.catalog import Catalog
from simcost.catalog.contracts import ContractPrice
from simcost.catalog.facts import Offer
from simcost.errors import FaultsError, InputError, did_you_mean
from simcost.scenario.checks.load import changed, changed_services
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.files.pools import KEY as POOLS
from simcost.scenario.files.pools import pools_in_full
from simcost.scenario.files.sharing import KEY
from simcost.scenario.inputs.demand_scale import scaled
from simcost.scenario.inputs.value_paths import KNOWN, number_at, numbers_at, parts_of
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import Plan

_KNOWN_OF_JOBS = "write a field of the file such as plans.0.training.gpus, or price.OFFER, discount.OFFER"
_FACTORS = ("demand", "engine")
_FARTHEST = 128
"""Distance within which a whole number is looked for that a scenario may have: accelerators go by nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A scenario with a value changed."""

    loaded: AnyScenario
    engines: Mapping[str, float] = field(default_factory=dict)
    """Factors on step times by service; empty name = all."""

    def engine_of(self, service: str = "") -> float:
        """Factor on the step times of a service, or of a scenario of one pool."""
        return self.engines.get("", 1.0) * (self.engines.get(service, 1.0) if service else 1.0)


def base_value(loaded: AnyScenario, path: str) -> float:
    """The value that a scenario has: 1 of the factors `demand` and `engine`, 0 of a discount.

    Raises:
        InputError: no such field, or none that is a number; no such service; no plan buys that offer; plans buy it at
            several prices, and no region says which.
    """
    kind, _, name = path.partition(".")
    if _is_factor(loaded, path):
        _scaled_services(loaded, kind, name)
        return 1.0
    if money_alone(path):
        offers = _offers(loaded, name)
        return _one_price(loaded.first.catalog, path, offers) if kind == "price" else 0.0
    return float(number_at(loaded, path))


def impossible(loaded: AnyScenario, path: str, lo: float, hi: float) -> str:
    """Reason why a value cannot be within such ends; empty = it can, or `with_value` checks it."""
    if _is_factor(loaded, path):
        return "" if lo > 0 else f"a factor is above 0; write e.g. {path}=0.01..{hi:g}"
    if money_alone(path) and path.startswith("price"):
        return "" if lo >= 0 else f"a price is not below 0; write e.g. {path}=0..{hi:g}"
    if is_whole(loaded, path) and not (lo.is_integer() and hi.is_integer()):
        return f"counts something, in whole numbers; write e.g. {path}={ceil(lo)}..{floor(hi)}"
    return f"a discount is at most 100 %; write e.g. {path}={lo:g}..1" if money_alone(path) and hi > 1 else ""


def with_value(loaded: AnyScenario, path: str, value: float) -> Changed:
    """The scenario with another value.

    Raises:
        FaultsError: a scenario cannot have the value, as `simcost check` says.
        InputError: as `base_value`.
    """
    kind, _, name = path.partition(".")
    if kind == "engine" and _is_factor(loaded, path):
        return Changed(loaded=loaded, engines={name: value})
    if kind == "demand" and _is_factor(loaded, path):
        return Changed(loaded=_scaled(loaded, name, value))
    if money_alone(path):
        return Changed(loaded=_priced(loaded, name, value, discount=kind == "discount"))
    return Changed(loaded=_written(loaded, path, value))


def with_values(loaded: AnyScenario, values: Mapping[str, float]) -> Changed:
    """The scenario with several other values: fields of the file first, then factors, prices, and discounts on these.

    Raises:
        FaultsError: as `with_value`.
        InputError: as `base_value`.
    """
    changed = Changed(loaded=loaded)
    for path in sorted(values, key=lambda path: (_place_in_order(loaded, path), path)):
        found = with_value(changed.loaded, path, values[path])
        changed = Changed(loaded=found.loaded, engines={**changed.engines, **found.engines})
    return changed


def _place_in_order(loaded: AnyScenario, path: str) -> int:
    order = ("demand", "engine", "price", "discount")
    kind = path.partition(".")[0]
    return 1 + order.index(kind) if money_alone(path) or _is_factor(loaded, path) else 0


def is_whole(loaded: AnyScenario, path: str) -> bool:
    """True if the value counts something."""
    if _is_factor(loaded, path) or money_alone(path):
        return False
    return isinstance(number_at(loaded, path), int)


def nearest_whole(loaded: AnyScenario, path: str, value: float, lo: float, hi: float) -> int | None:
    """The whole number nearest to a value that the scenario may have within two ends, which both belong to it; of two
    as near the lower. None where there is none, or none that is near.
    """
    within = range(ceil(max(lo, value - _FARTHEST)), floor(min(hi, value + _FARTHEST)) + 1)
    near = sorted(within, key=lambda number: (abs(number - value), number))
    return next((number for number in near if _may_have(loaded, path, number)), None)


def _may_have(loaded: AnyScenario, path: str, value: float) -> bool:
    try:
        with_value(loaded, path, value)
    except FaultsError:
        return False
    return True


def money_alone(path: str) -> bool:
    """True if no run depends on the value, so that all are priced again without a simulation."""
    return path.partition(".")[0] in ("price", "discount")


def of_requests(path: str) -> bool:
    """True if the value is of the requests, their targets or the engine, and of no plan."""
    first, *rest = path.split(".")
    return first in (*_FACTORS, "workload", "demand", "slo") or (first == KEY and rest[1:2] in (["workload"], ["slo"]))


def _is_factor(loaded: AnyScenario, path: str) -> bool:
    """True for `demand` and `engine`, of several services also with the name of one."""
    return path in _FACTORS or (isinstance(loaded, LoadedServices) and path.partition(".")[0] in _FACTORS)


def _scaled_services(loaded: AnyScenario, kind: str, name: str) -> dict[str, LoadedScenario]:
    """By name, the services that a factor concerns, all without a name; of a scenario of one pool itself."""
    if isinstance(loaded, LoadedServices):
        if name and name not in loaded.services:
            near = did_you_mean(name, list(loaded.services)) or f"; services are {', '.join(loaded.services)}"
            raise InputError(f"--vary {kind}.{name}: {name!r} is none of the services{near}")
        return {key: service for key, service in loaded.services.items() if name in ("", key)}
    if not loaded.scenario.workload and loaded.scenario.demand is None:
        raise InputError(f"--vary {kind}: {loaded.path} has jobs alone, and no requests; {_KNOWN_OF_JOBS}")
    return {"": loaded}


def _scaled(loaded: AnyScenario, name: str, value: float) -> AnyScenario:
    found = {
        key: scaled(scaled_service, value) for key, scaled_service in _scaled_services(loaded, "demand", name).items()
    }
    return replace(loaded, services={**loaded.services, **found}) if isinstance(loaded, LoadedServices) else found[""]


def with_plans(loaded: AnyScenario, names: Collection[str]) -> AnyScenario:
    """The scenario with some of its plans, to be simulated."""

    def kept(loaded_scenario: LoadedScenario) -> LoadedScenario:
        plans = tuple(plan for plan in loaded_scenario.scenario.plans if plan.name in names)
        return replace(loaded_scenario, scenario=replace(loaded_scenario.scenario, plans=plans, baseline=None))

    if isinstance(loaded, LoadedScenario):
        return kept(loaded)
    jobs = None if loaded.jobs is None else kept(loaded.jobs)
    return replace(loaded, services={name: kept(service) for name, service in loaded.services.items()}, jobs=jobs)


def plans_of(loaded: AnyScenario) -> Iterator[tuple[Plan, LoadedScenario]]:
    """Plans as they are for each service and for the jobs, each pool as a plan."""
    each = [loaded] if isinstance(loaded, LoadedScenario) else [*loaded.services.values()]
    if isinstance(loaded, LoadedServices) and loaded.jobs is not None:
        each.append(loaded.jobs)
    for one in each:
        yield from ((pool, one) for plan in one.scenario.plans for pool in plan.by_pool())


def unpaid_prices(loaded: AnyScenario, paths: Iterable[str]) -> list[str]:
    """A sentence for each price or discount of an offer that changes no cost, since no plan pays it."""
    return [
        f"{path}: no plan pays the on-demand price of {name}: each states a price of its own, or buys spot; vary that "
        "price, as plans.NAME.buy.price."
        for path in paths
        if not _is_factor(loaded, path) and money_alone(path)
        for name in [path.partition(".")[2]]
        if all(isinstance(option, Spot) or option.price is not None for option, _ in _bought(loaded, name))
    ]


def _offers(loaded: AnyScenario, name: str) -> list[Offer]:
    """The offers of that name which plans buy."""
    return [catalog.offer(option.offer, option.region) for option, catalog in _bought(loaded, name)]


def _one_price(catalog: Catalog, path: str, offers: Sequence[Offer]) -> float:
    """Price that is paid for an offer; one number cannot stand for those of several regions."""
    paid = {offer: catalog.contracted(offer).contracted_usd_per_h for offer in offers}
    if len(set(paid.values())) > 1:
        prices = ", ".join(f"${usd:g} in {offer.region}" for offer, usd in paid.items())
        one = f"{path.rstrip('@')}@{offers[0].region}"
        raise InputError(f"--vary {path}: plans pay {prices}; name one region, as {one}")
    return paid[offers[0]]


def _bought(loaded: AnyScenario, name: str) -> list[tuple[OnDemand | Spot | ManagedEndpoint, Catalog]]:
    """The purchases of `OFFER`, or of `OFFER@REGION`, each with its catalog."""
    sku, _, region = name.partition("@")
    bought = [
        (option, one.catalog)
        for plan, one in plans_of(loaded)
        for option in (plan.buy, *plan.or_buy, plan.training_buy)
        if isinstance(option, OnDemand | Spot | ManagedEndpoint)
    ]
    named = [
        (option, catalog)
        for option, catalog in bought
        if option.offer.lower() == sku.lower() and region in ("", catalog.offer(option.offer, option.region).region)
    ]
    if not named:
        at = {f"{option.offer}@{catalog.offer(option.offer, option.region).region}" for option, catalog in bought}
        known = ", ".join(sorted(at if region else {option.offer for option, _ in bought})) or "none"
        which = f"no plan buys the offer {name!r}" if name else "a price or a discount is of an offer: price.OFFER"
        raise InputError(f"--vary: {which}; bought are {known}")
    return named


def _priced(loaded: AnyScenario, name: str, value: float, *, discount: bool) -> AnyScenario:
    """The scenario in which another price of an offer is paid, that of all its services: where a contract holds, it
    has another price; else the list has.
    """
    mine = _offers(loaded, name)
    before = loaded.first.catalog
    facts = before.facts

    def paid(offer: Offer) -> float:
        return before.contracted(offer).contracted_usd_per_h * (1 - value) if discount else value

    agreed = {(offer.name, offer.region): _agreed(offer, before, paid(offer)) for offer in mine}
    listed = [
        replace(offer, on_demand_usd_per_h=paid(offer))
        if offer in mine and agreed[offer.name, offer.region] is None
        else offer
        for offer in facts.offers
    ]
    new = [contract for contract in agreed.values() if contract is not None]
    old = [one for one in facts.contracts if not any(_same_terms(one, contract) for contract in new)]
    catalog = Catalog(replace(facts, offers=tuple(listed), contracts=(*old, *new)))
    if isinstance(loaded, LoadedScenario):
        return replace(loaded, catalog=catalog)
    services = {key: replace(service, catalog=catalog) for key, service in loaded.services.items()}
    jobs = None if loaded.jobs is None else replace(loaded.jobs, catalog=catalog)
    return replace(loaded, services=services, jobs=jobs)


def _agreed(offer: Offer, catalog: Catalog, usd_per_h: float) -> ContractPrice | None:
    """A contract for an offer alone at another price, in place of the one that holds; None where none does."""
    contract = catalog.contract(offer)
    if contract is None:
        return None
    return replace(
        contract,
        sku=offer.sku,
        region=offer.region,
        price_per_h=usd_per_h,
        currency="USD",
        discount=None,
        valid_from="",
        valid_to="",
    )


def _same_terms(one: ContractPrice, other: ContractPrice) -> bool:
    """True for contracts of the same instance type in the same region."""
    return (one.provider, one.sku.lower(), one.region) == (other.provider, other.sku.lower(), other.region)


def _written(loaded: AnyScenario, path: str, value: float) -> AnyScenario:
    """The scenario as if the value stood in the file; whole numbers are rounded."""
    number = round(value) if is_whole(loaded, path) else value
    of_a_pool = path.startswith("plans.") and path.split(".")[2:3] == [POOLS]
    root = with_field(pools_in_full(loaded.written) if of_a_pool else loaded.written, path, number)
    if isinstance(loaded, LoadedScenario):
        found: AnyScenario = replace(changed(loaded, root), catalog=loaded.catalog)
    else:
        found = changed_services(loaded, root)
    parts = parts_of(loaded, path)
    if any(abs(one - number) > 1e-9 * abs(number) for one in numbers_at(found, path)):
        raise InputError(
            f"--vary {path}: each {parts.removesuffix('s')} has one of its own, so that this changes nothing; name "
            f"one, as plans.0.{parts}.NAME.scaling.replicas"
        )
    return found


def with_field(root: YamlNode, path: str, value: float | YamlNode) -> YamlNode:
    """The scenario with another value at a path, written where the old one stood, or a value with a place of its own.

    Raises:
        InputError: the path leads nowhere.
    """
    return _set(root, path.split("."), value, path)


def _set(node: YamlNode, keys: Sequence[str], value: float | YamlNode, path: str) -> YamlNode:
    if not keys:
        return value if isinstance(value, YamlNode) else replace(node, value=value)
    key, *rest = keys
    if isinstance(node.value, list) and (place := _place(node.value, key)) is not None:
        values = list(node.value)
        values[place] = _set(values[place], rest, value, path)
        return replace(node, value=values)
    if isinstance(node.value, dict) and key == "0" and key not in node.value:
        return _set(node, rest, value, path)  # one that stands where a list may
    if isinstance(node.value, dict):
        child = node.value.get(key, replace(node, value={}))
        return replace(node, value={**node.value, key: _set(child, rest, value, path)})
    raise InputError(f"--vary {path}: nothing can be changed at {key!r}; {KNOWN}")


def _place(each: Sequence[YamlNode], key: str) -> int | None:
    """Place of an item: its number, or that of the one with this name."""
    if key.isdecimal():
        return int(key) if int(key) < len(each) else None
    named = [item.get("name") for item in each]
    return next((i for i, name in enumerate(named) if name is not None and name.value == key), None)
