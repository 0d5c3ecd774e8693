"""Scenarios with one value changed: a field of the file, the demand, the engine, a price."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from simcost.billing import ManagedEndpoint, OnDemand, Spot
from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.errors import FaultsError, InputError
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform
from simcost.scenario.files.faults import validate
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.inputs.demand_scale import scaled
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Scenario

_KNOWN = "write a field of the file such as workload.0.rate, or demand, engine, price.OFFER, discount.OFFER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A scenario with a value changed."""

    loaded: LoadedScenario
    engine: float = 1.0
    """Factor on step times."""


def base_value(loaded: LoadedScenario, path: str) -> float:
    """The value that a scenario has: 1 of the factors `demand` and `engine`, 0 of a discount.

    Raises:
        InputError: no such field, or none that is a number; no plan buys that offer.
    """
    kind, _, name = path.partition(".")
    if path in ("demand", "engine"):
        return 1.0
    if kind in ("price", "discount"):
        price = _offers(loaded, name)[0].on_demand_usd_per_h
        return price if kind == "price" else 0.0
    return float(_number(loaded, path))


def with_value(loaded: LoadedScenario, path: str, value: float) -> Changed:
    """The scenario with another value.

    Raises:
        FaultsError: the schema refuses the value.
        InputError: as `base_value`.
    """
    kind, _, name = path.partition(".")
    if path == "engine":
        return Changed(loaded=loaded, engine=value)
    if path == "demand":
        return Changed(loaded=scaled(loaded, value))
    if kind in ("price", "discount"):
        return Changed(loaded=_priced(loaded, name, value, discount=kind == "discount"))
    return Changed(loaded=_written(loaded, path, value))


def is_whole(loaded: LoadedScenario, path: str) -> bool:
    """True if the value counts something."""
    if path in ("demand", "engine") or money_alone(path):
        return False
    return isinstance(_number(loaded, path), int)


def _number(loaded: LoadedScenario, path: str) -> int | float:
    """The number in a field of the scenario."""
    value: Any = asdict(loaded.scenario)
    for key in path.split("."):
        try:
            value = value[int(key) if isinstance(value, list | tuple) else key]
        except (LookupError, ValueError, TypeError):
            raise InputError(f"--vary {path}: {loaded.path} has no {key!r} there; {_KNOWN}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"--vary {path}: {value!r} is not a number that could vary; {_KNOWN}")
    return value


def money_alone(path: str) -> bool:
    """True if no run depends on the value, so that all are priced again without a simulation."""
    return path.partition(".")[0] in ("price", "discount")


def _offers(loaded: LoadedScenario, name: str) -> list[Offer]:
    """The offers of that name which plans buy."""
    options = [option for plan in loaded.scenario.plans for option in (plan.buy, *plan.or_buy)]
    bought = [option for option in options if isinstance(option, OnDemand | Spot | ManagedEndpoint)]
    result = [
        loaded.catalog.offer(option.offer, option.region) for option in bought if option.offer.lower() == name.lower()
    ]
    if not result:
        known = ", ".join(sorted({option.offer for option in bought})) or "none"
        raise InputError(f"--vary: no plan buys the offer {name!r}; bought are {known}")
    return result


def _priced(loaded: LoadedScenario, name: str, value: float, *, discount: bool) -> LoadedScenario:
    mine = {id(offer) for offer in _offers(loaded, name)}
    facts = loaded.catalog.facts

    def priced(offer: Offer) -> Offer:
        if id(offer) not in mine:
            return offer
        return replace(offer, on_demand_usd_per_h=offer.on_demand_usd_per_h * (1 - value) if discount else value)

    offers = tuple(map(priced, facts.offers))
    return replace(loaded, catalog=Catalog(replace(facts, offers=offers)))


def _written(loaded: LoadedScenario, path: str, value: float) -> LoadedScenario:
    """The scenario as if the value stood in the file; whole numbers are rounded."""
    file = str(loaded.path)
    number = round(value) if is_whole(loaded, path) else value
    root = with_field(loaded.root, path, number)
    faults: list[Any] = []
    root = Conform(file, faults).node(root, Scenario)
    scenario, wrong = validate(adapter(Scenario), root, file)
    if scenario is None or faults or wrong:
        raise FaultsError([*faults, *wrong])
    return replace(loaded, scenario=scenario, root=root)


def with_field(root: YamlNode, path: str, value: float | YamlNode) -> YamlNode:
    """The scenario with another value at a path, written where the old one stood, or a value with a place of its own.

    Raises:
        InputError: the path leads nowhere.
    """
    return _set(root, path.split("."), value, path)


def _set(node: YamlNode, keys: list[str], value: float | YamlNode, path: str) -> YamlNode:
    if not keys:
        return value if isinstance(value, YamlNode) else replace(node, value=value)
    key, *rest = keys
    if isinstance(node.value, list) and key.isdecimal() and int(key) < len(node.value):
        items = list(node.value)
        items[int(key)] = _set(items[int(key)], rest, value, path)
        return replace(node, value=items)
    if isinstance(node.value, dict):
        child = node.value.get(key, replace(node, value={}))
        return replace(node, value={**node.value, key: _set(child, rest, value, path)})
    raise InputError(f"--vary {path}: nothing can be changed at {key!r}; {_KNOWN}")
