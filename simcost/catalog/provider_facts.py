"""Facts that a bill needs of a provider beside its offers: how it meters, what its disks and traffic cost."""

from collections.abc import Sequence

from simcost.catalog.aliases import ANY_REGION
from simcost.catalog.catalog import Catalog
from simcost.errors import CatalogError, did_you_mean

_RULES = "provider,granularity_s,minimum_s,source,as_of,quality"
_TIERS = "provider,item,unit,from_gb,to_gb,price_usd,source,as_of,quality"
_TIER_ROWS = {
    "storage": "{provider},storage,GB-month,0,,0.10,quote,{day},A",
    "egress": "{provider},egress,GB,0,,0.09,quote,{day},A",
}
_OWN = {"storage": "storage: $0.10/GB", "egress": "egress: $0.09/GB"}


def lacking_facts(catalog: Catalog, provider: str, items: Sequence[str] = tuple(_TIER_ROWS)) -> str:
    """Facts that the catalog lacks of a provider, all of them, with the rows to write; empty = it has them.

    Args:
        catalog: with the facts of the user.
        provider: of an offer.
        items: whose prices are needed, of `storage` and `egress`.
    """
    known = [rule.provider for rule in catalog.facts.billing_rules]
    unmetered, unpriced = provider not in known, [item for item in items if not is_priced(catalog, provider, (item,))]
    lacks = [f"no billing rule of provider {provider!r}{did_you_mean(provider, known)}"] if unmetered else []
    lacks += [f"no {item} price of {provider}" for item in unpriced]
    if not lacks:
        return ""
    day = max((offer.as_of for offer in catalog.facts.offers if offer.provider == provider), default=catalog.as_of)
    rows = [f"to billing_rules.csv ({_RULES}) `{provider},1,60,quote,{day},A`"] if unmetered else []
    if unpriced:
        tiers = " and ".join(f"`{_TIER_ROWS[item].format(provider=provider, day=day)}`" for item in unpriced)
        rows.append(f"to tier_prices.csv ({_TIERS}) {tiers}")
    own = f"; or give the prices in the plan: `buy: {{{', '.join(map(_OWN.__getitem__, unpriced))}}}`"
    where = f"add to your catalog folder, with the values of your contract, {'; '.join(rows)}"
    return f"the catalog has {', '.join(lacks)}: {where}{own if unpriced else ''}"


def is_priced(
    catalog: Catalog, provider: str, items: Sequence[str] = tuple(_TIER_ROWS), *, region: str = ANY_REGION
) -> bool:
    """True if items that a bill needs beside nodes, disks and traffic, have a price of a provider in a region."""
    try:
        return all(catalog.tier_prices(provider, item, region) for item in items)
    except CatalogError:
        return False
