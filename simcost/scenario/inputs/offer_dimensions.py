"""Dimensions over offers of the catalog: `{offers: "aws/*", regions: "eu-*"}` as the list of partial plans that it is.

Patterns are those of shells. Each offer brings its accelerator: of a plan that shall keep its own, `accelerators` names
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from typing import Any

from simcost.catalog import Catalog
from simcost.catalog.aliases import ANY_REGION
from simcost.catalog.facts import Offer
from simcost.errors import CatalogError, Fault, did_you_mean
from simcost.scenario.checks.image_tables import KEY as IMAGE_TABLE
from simcost.scenario.checks.latency_tables import KEY as LATENCY_TABLE
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Plain, YamlNode, is_given, items, placed
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Scenario

OFFERS = "offers"
KEYS = ("path", OFFERS, "regions", "accelerators")
_CPU = "cpu"
_SHOWN = 6
_MEASURED = ("step", "kv_tokens")
"""Measurements of a replica that hold on its accelerator alone."""
_OF_ITS_OWN = ("from", LATENCY_TABLE, IMAGE_TABLE, "images")
"""Other measurements; a replica that has one keeps its accelerator."""


def is_over_offers(dimension: YamlNode) -> bool:
    """True of a dimension over offers."""
    return isinstance(dimension.value, dict) and OFFERS in dimension.value


def partial_plans(dimension: YamlNode, catalog: Catalog, file: str, faults: list[Fault]) -> Iterator[YamlNode]:
    """A partial plan for each offer in each region where the catalog has its price, in the order of the catalog."""
    written = dimension.value if isinstance(dimension.value, dict) else {}
    faults += _faults(written, file)
    offers = [] if faults else _matching(written, catalog, file, faults)
    if faults:
        return
    for offer in offers:
        plain: Plain = {
            "replica": {"accelerator": _accelerator_of(offer)},
            "buy": {"offer": offer.name, "region": offer.region},
        }
        yield placed(plain, dimension, dimension.path)


def choice_faults(root: YamlNode, catalog: Catalog, file: str) -> list[Fault]:
    """Patterns of `choices` that no offer matches."""
    node, faults = root.get("choices"), list[Fault]()
    if node is not None and isinstance(node.value, dict) and node.value:
        every = {key: placed("*", node, (*node.path, key)) for key in _NAMES}
        _matching({**every, **node.value}, catalog, file, faults)
    return faults


def proposed(loaded: LoadedScenario, offers: Sequence[Offer]) -> list[Offer]:
    """The offers that `choices` of a scenario lets searches and advice propose."""
    choices = loaded.scenario.choices
    if choices is None:
        return list(offers)
    for key in _NAMES:
        offers = _kept(offers, key, _listed(getattr(choices, key)), loaded.catalog)
    return list(offers)


def note_on_choices(scenario: Scenario) -> list[str]:
    """Sentence on what `choices` leaves of the catalog; none without it."""
    if scenario.choices is None:
        return []
    asked = {key: _listed(said) or [] for key, said in asdict(scenario.choices).items()}
    told = "; ".join(f"{key} {', '.join(patterns)}" for key, patterns in asked.items() if "*" not in patterns)
    return [f"Of the catalog those offers are proposed that `choices` names: {told or 'all'}."]


def _matching(written: Mapping[str, YamlNode], catalog: Catalog, file: str, faults: list[Fault]) -> Sequence[Offer]:
    """Offers that match a pattern of each key, with faults for patterns that nothing matches."""
    offers: Sequence[Offer] = catalog.facts.offers
    for key, name in _NAMES.items():
        kept = _kept(offers, key, _patterns(written.get(key)), catalog)
        if not kept:
            place = written.get(key) or written.get(OFFERS) or next(iter(written.values()))
            faults.append(fault_at(place, _nothing(place, key, [name(offer) for offer in offers]), file))
            return []
        offers = kept
        faults += [
            fault_at(pattern, _nothing(pattern, key, list(map(name, catalog.facts.offers))), file)
            for pattern in items(written.get(key))
            if not _kept(catalog.facts.offers, key, _patterns(pattern), catalog)
        ]
    return offers


def _accelerator_of(offer: Offer) -> str:
    return offer.accelerator or _CPU


_NAMES: Mapping[str, Callable[[Offer], str]] = {
    OFFERS: lambda offer: offer.name,
    "regions": lambda offer: offer.region,
    "accelerators": _accelerator_of,
}
"""Names that the patterns of a key are of."""
_NOTHING = {
    OFFERS: "no offer of the catalog matches",
    "regions": "none of these offers has a price in a region that matches",
    "accelerators": "none of these offers has an accelerator that matches",
}


def _faults(written: Mapping[str, YamlNode], file: str) -> Iterator[Fault]:
    """Unknown keys, and patterns that are not text."""
    for key, node in written.items():
        if key not in KEYS:
            near = did_you_mean(key, KEYS) or f"; known here: {', '.join(KEYS)}"
            yield fault_at(node, f"unknown key {key!r}{near}", file)
        for pattern in items(node) or [node] if key in _NAMES else ():
            if not isinstance(pattern.value, str) or not pattern.value:
                yield fault_at(pattern, f"{shown(pattern.value)} is not a pattern; write text such as 'aws/*'", file)


def left_by_region(dimension: Mapping[str, Any], catalog: Catalog) -> list[str]:
    """Names of the offers with one price everywhere that the regions of a dimension leave out."""
    if OFFERS not in dimension or "regions" not in dimension:
        return []
    offers: Sequence[Offer] = [offer for offer in catalog.facts.offers if offer.region == ANY_REGION]
    for key in (OFFERS, "accelerators"):
        offers = _kept(offers, key, _listed(dimension.get(key)), catalog)
    kept = _kept(offers, "regions", _listed(dimension["regions"]), catalog)
    return [offer.name for offer in offers if offer not in kept]


def _patterns(node: YamlNode | None) -> list[str] | None:
    return None if node is None else [str(pattern.value) for pattern in items(node) or [node]]


def _listed(value: Any) -> list[str] | None:
    return None if value is None else [value] if isinstance(value, str) else list(value)


def _kept(offers: Sequence[Offer], key: str, asked: Sequence[str] | None, catalog: Catalog) -> Sequence[Offer]:
    """The offers that match a pattern of a key; without one, all that have accelerators."""
    if asked is None:
        return [offer for offer in offers if offer.accelerator] if key == "accelerators" else offers
    patterns = [pattern.lower() for pattern in asked]
    if key == "accelerators":
        patterns = [_in_full(pattern, catalog) for pattern in patterns]
    return [offer for offer in offers if any(fnmatchcase(_NAMES[key](offer).lower(), pattern) for pattern in patterns)]


def _in_full(pattern: str, catalog: Catalog) -> str:
    """The accelerator that a name without wildcards is another name of, or the pattern."""
    try:
        return pattern if any(sign in pattern for sign in "*?[") else catalog.accelerator(pattern).name
    except CatalogError:
        return pattern


def _nothing(place: YamlNode, key: str, names: Sequence[str]) -> str:
    """Message that nothing matches, with the nearest names or those that there are."""
    known = list(dict.fromkeys(names))
    if key == OFFERS:
        known = list(dict.fromkeys([*(name.partition("/")[0] + "/*" for name in known), *known]))
    asked = [str(pattern.value) for pattern in items(place) or [place]]
    there = f"; there are {', '.join(known[:_SHOWN])}{', ...' if len(known) > _SHOWN else ''}"
    return f"{_NOTHING[key]} {' or '.join(map(repr, asked))}{did_you_mean(asked[0], known) or there}"


def suited(base: YamlNode, partial: YamlNode, catalog: Catalog, top: YamlNode | None = None) -> YamlNode:
    """A partial plan of an offer as it suits a plan.

    Measurements of the plan's own accelerator, and a price of its own offer, are taken back where they do not hold.
    A plan of jobs alone has no replica; one that is measured by a table keeps its accelerator.

    Args:
        base: the plan, or a part of it.
        partial: what changes there.
        catalog: for other names of the same accelerator.
        top: the whole plan, whose replica is that of its parts where they have none.
    """
    top = top or base
    if not isinstance(partial.value, dict):
        return partial
    children: dict[str, YamlNode] = {}
    for key, child in partial.value.items():
        own = base.get(int(key) if isinstance(base.value, list) else key)
        if key == "replica":
            replica = own or top.get(key)
            if replica is not None:
                children[key] = _suited_replica(replica, child, catalog)
        elif key == "buy":
            children[key] = _suited_purchase(own or top.get(key), child, catalog)
        else:
            children[key] = child if own is None else suited(own, child, catalog, top)
    return replace(partial, value=children)


def _suited_replica(own: YamlNode, child: YamlNode, catalog: Catalog) -> YamlNode:
    given = [key for key in (*_MEASURED, *_OF_ITS_OWN) if (measured := own.get(key)) is not None and is_given(measured)]
    if any(key in _OF_ITS_OWN for key in given):
        return replace(child, value={})
    if _accelerator(own, catalog) == _accelerator(child, catalog):
        return child
    return _with_none(child, given)


def _suited_purchase(own: YamlNode | None, child: YamlNode, catalog: Catalog) -> YamlNode:
    price = None if own is None else own.get("price")
    if own is None or price is None or not is_given(price) or _offer(own, catalog) == _offer(child, catalog):
        return child
    return _with_none(child, ["price"])


def _with_none(node: YamlNode, keys: Sequence[str]) -> YamlNode:
    value = node.value if isinstance(node.value, dict) else {}
    return replace(node, value={**value, **{key: placed(None, node, (*node.path, key)) for key in keys}})


def _accelerator(replica: YamlNode, catalog: Catalog) -> str | None:
    """Name of the accelerator in the catalog; None where there is none of that name."""
    name = replica.get("accelerator")
    try:
        return None if name is None else catalog.accelerator(str(name.value)).name
    except CatalogError:
        return None


def _offer(buy: YamlNode, catalog: Catalog) -> Offer | None:
    """The offer of the catalog; None where there is none."""
    name, region = buy.get("offer"), buy.get("region")
    try:
        where = None if region is None or region.value is None else str(region.value)
        return None if name is None else catalog.offer(str(name.value), where)
    except CatalogError:
        return None
