"""Prices of plans that are far from those of the catalog, mostly in another unit, of a contract that is over or of an
API that its provider ends, commitments bought twice, and what is paid all the time but not used by the scaling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simcost.billing import Buy, ManagedEndpoint, OnDemand, Serverless, Spot
from simcost.billing.owned import Owned
from simcost.catalog import Catalog, load_catalog
from simcost.catalog.aliases import ANY_REGION
from simcost.catalog.contracts import beside_its_time
from simcost.catalog.dates import is_later, today
from simcost.catalog.energy_facts import LEAST_G_PER_KWH
from simcost.catalog.facts import Offer, TokenPrice
from simcost.catalog.usual_prices import (
    unusual_machine_price,
    unusual_token_price,
    unusual_tokens,
    unusual_volume_price,
)
from simcost.errors import InputError
from simcost.plan import Fixed, Schedule
from simcost.plan.autoscaling import Chain, DynamoPlanner, Keda
from simcost.scenario.schema.scaling import FromManifest
from simcost.scenario.schema.scenario import Plan
from simcost.units import format_usd, plural

_OF_TOKENS = {"input_tokens": "input", "output_tokens": "output"}
"""Units of tokens that have a usual price."""
_LEAST_KW = 0.02
"""Average power of a node per accelerator: a small card that is idle, and its part of the host."""
_MOST_USD_PER_KWH = 1.0
_MOST_CAPEX_USD = 250_000.0
"""Per accelerator, racks of the largest and their network included."""


def unusual_prices(plan: Plan, catalog: Catalog) -> list[str]:
    """A sentence for each price per accelerator-hour of a plan that is far from the on-demand prices of the catalog
    or of a contract outside its time, and for an API whose price is far from others, or that its provider ends.
    """
    notes = [note for option in (plan.buy, *plan.or_buy) if option is not None for note in _unusual(option, catalog)]
    if plan.overflow is not None:
        notes += about_api(plan.overflow.api, catalog.token_price(plan.overflow.api), catalog.as_of)
    return [*notes, *_dated_to_come(catalog)]


def unusual_of_bill(prices: Iterable[Mapping[str, Any]], catalog: Catalog) -> list[str]:
    """The same of the prices of a bill, each of an hour or of a token, as `price_list` has them."""
    told = (_unusual_row(row, catalog) for row in prices)
    return [*dict.fromkeys(filter(None, told)), *_dated_to_come(catalog)]


def _unusual_row(row: Mapping[str, Any], catalog: Catalog) -> str:
    if row["sku"] in ("storage", "egress"):
        said = unusual_volume_price(row["sku"], row["usd"])
        return said and f"{row['provider']}/{said}"
    name = f"{row['provider']}/{row['sku']}"
    given, unit = row["quality"] == "given", row["unit"]
    if given and unit in _OF_TOKENS:
        said = unusual_tokens(name, _OF_TOKENS[unit], 1e6 * row["usd"])
        return said and f"{said[:-1]}; in `prices` of a purchasing plan it is that of one token."
    try:
        if unit.endswith("_tokens"):
            return "" if given else unusual_token_price(catalog.token_price(name))
        if unit == "h":
            region = None if row["region"] == ANY_REGION else row["region"]
            return unusual_machine_price(catalog.offer(name, region), row["usd"])
    except InputError:  # a name of the user's own
        pass
    return ""


def _dated_to_come(catalog: Catalog) -> list[str]:
    """That the newest fact of the catalog is of a day still to come: its date is taken for the day that it is."""
    newest = catalog.as_of
    if not is_later(newest, today()) or newest == load_catalog().as_of:
        return []
    files = " and ".join(f"{name}.csv" for name, day in catalog.newest_by_table().items() if day == newest)
    note = (
        f"the newest fact of the catalog is of {newest}, which is still to come, and contracts and the age of prices "
        f"go by it: correct the date in {files} of your catalog folder."
    )
    return [note]


def about_api(name: str, price: TokenPrice, newest: str) -> list[str]:
    """Sentences on an API: a price far from those of the catalog; the day when its provider ends the model, past or to
    come as of the newest fact.
    """
    return [*filter(None, [unusual_token_price(price)]), *_ending(name, price, newest)]


def _ending(name: str, price: TokenPrice, newest: str) -> list[str]:
    if not price.deprecation_date:
        return []
    if price.deprecation_date > newest:
        return [f"{name}: the provider ends {price.model} on {price.deprecation_date}."]
    ended = f"{name}: the provider ended {price.model} on {price.deprecation_date}"
    return [f"{ended}; its price is of no use for a plan, choose another model."]


def repeated_commitments(plan: Plan) -> list[str]:
    """A sentence for each commitment that stands in more than one purchase of a plan, whose nodes are one account."""
    options = [option for option in (plan.buy, *plan.or_buy) if isinstance(option, OnDemand)]
    lists = [option.commitments for option in options]
    twice = [
        held
        for place, commitments in enumerate(lists)
        for held in commitments
        if any(held in earlier for earlier in lists[:place])
    ]
    return [
        f"{getattr(held, 'name', None) or held.kind} stands in `or_buy` as in another purchase of the plan, so that it "
        "is bought twice; what one commits to covers the nodes of the others too."
        for held in twice
    ]


def paid_beyond_scaling(plan: Plan) -> list[str]:
    """A sentence where a purchase keeps workers or instances running that the scaling stops, so that requests of the
    run wait for cold starts that the paid ones spare them.
    """
    kept, name = _always_running(plan.buy)
    scaling = plan.scaling
    if not kept or scaling is None or isinstance(scaling, FromManifest | DynamoPlanner | Chain | Schedule):
        return []
    if isinstance(scaling, Fixed):
        fewest, remedy = scaling.replicas, f"replicas: {kept}"
    else:
        idle = scaling.idle if isinstance(scaling, Keda) else None
        fewest, remedy = scaling.min if idle is None else idle, f"min: {kept}"
    if fewest >= kept:
        return []
    text = f"`buy` pays for {name} all the time, and the scaling keeps {plural(fewest, 'replica')}"
    return [f"{text}, so that the run does without what is paid and running; write {remedy} or more."]


def _always_running(buy: Buy | None) -> tuple[int, str]:
    """Number of workers or instances that never stop, and their name."""
    if isinstance(buy, Serverless) and buy.always_on:
        return buy.always_on, plural(buy.always_on, "always-on worker")
    if isinstance(buy, ManagedEndpoint) and not buy.scale_to_zero:
        return buy.instances, f"{plural(buy.instances, 'instance')} of the endpoint"
    return 0, ""


def _usd_per_h(option: OnDemand | Spot, offer: Offer, catalog: Catalog) -> float:
    """Price of the machine. Raises CatalogError."""
    if isinstance(option, Spot):
        return option.usd_per_h(catalog)
    return catalog.contracted(offer).contracted_usd_per_h if option.price is None else option.price


def _unusual_owned(owned: Owned) -> Iterator[str]:
    """Sentences on values of owned nodes that are most likely in another unit."""
    power_kw, capex_usd = owned.power / owned.accelerators, owned.capex / owned.accelerators
    if power_kw < _LEAST_KW:
        said = f"power ({owned.power:g} kW a node) is {1e3 * power_kw:.3g} W per accelerator"
        yield f"owned nodes: {said}: it is in kW, the average of a whole node."
    if owned.electricity > _MOST_USD_PER_KWH:
        usd = owned.electricity
        yield f"owned nodes: electricity at ${usd:g} per kWh: it is in USD, and {usd:g} cents are {usd / 100:g}."
    if owned.colocation and owned.contracted < owned.power:
        less = f"contracted ({owned.contracted:g} kW) is less than the average power ({owned.power:g} kW)"
        yield f"owned nodes: {less}, which it has to carry."
    if capex_usd > _MOST_CAPEX_USD:
        yield f"owned nodes: capex is {format_usd(capex_usd)} per accelerator: it is that of one node."
    if owned.g_per_kwh and owned.g_per_kwh < LEAST_G_PER_KWH:
        grams = owned.g_per_kwh
        yield f"owned nodes: g_per_kwh ({grams:g}) is in grams: {grams:g} kg are {1e3 * grams:g}."


def _unusual(option: Buy, catalog: Catalog) -> Iterator[str]:
    for item, usd_per_gb in (("storage", option.storage), ("egress", option.egress)):
        yield from filter(None, [unusual_volume_price(item, usd_per_gb or 0.0)])
    if isinstance(option, Owned):
        yield from _unusual_owned(option)
    if isinstance(option, ManagedEndpoint) and option.price is not None and option.premium is not None:
        yield "`price` of a managed endpoint has the premium in it, so that `premium` is not used; give one of the two."
    if not isinstance(option, OnDemand | Spot):
        return
    try:
        offer = catalog.offer(option.offer, option.region)
        usd = _usd_per_h(option, offer, catalog)
    except InputError:  # of what is not known, other checks speak
        return
    yield from filter(None, [unusual_machine_price(offer, usd)])
    if isinstance(option, OnDemand) and option.price is None and catalog.facts.contracts:
        yield from filter(None, [beside_its_time(offer, catalog.facts.contracts, catalog.as_of)])
