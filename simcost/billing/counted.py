"""What is neither run by the hour nor measured in GB: tokens of models behind APIs, requests, anything with a unit."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simcost.billing.api.tokens import rates
from simcost.billing.bill import Charge, Place, Service, UnitPrice, volume_charge
from simcost.billing.missing import MissingPrices
from simcost.billing.purchasing import Purchasing
from simcost.errors import CatalogError
from simcost.trace.usage.usage import HOURLY, KEY, TOKENS, VOLUMES, Usage

if TYPE_CHECKING:
    from simcost.catalog import Catalog


def counted_charges(
    usage: Usage, purchase: Purchasing, catalog: "Catalog", missing: MissingPrices
) -> Iterator[Charge]:
    """A charge for each line; units without a price are kept in `missing`. Tokens are priced by the base tier: totals
    do not say how long their prompts were.
    """
    for i, key in enumerate(usage.keys):
        provider, sku, region, zone, account, _, unit = key[:KEY]
        if unit == HOURLY or sku in VOLUMES:
            continue
        rows = usage.line == i
        place = Place(provider=provider, region=region, start_s=float(usage.start_s[rows].min()),
                      end_s=float(usage.end_s[rows].max()))  # fmt: skip
        with missing.of(i):
            price = _price(provider, sku, unit, purchase, catalog)
            service: Service = "tokens" if unit in TOKENS else "compute"
            charge = volume_charge(place, service, sku, float(np.sum(usage.quantity[rows])), unit, price)
            words = zip(usage.tags, key[KEY:], strict=True)
            yield replace(
                charge, zone=zone, account=account, tags=tuple((name, word) for name, word in words if word)
            )


def _price(provider: str, sku: str, unit: str, purchase: Purchasing, catalog: "Catalog") -> UnitPrice:
    name = f"{provider}/{sku}" if provider else sku
    own = purchase.prices.get(name, purchase.prices.get(sku))
    if own is not None:
        return UnitPrice.own(own, list_usd=own)
    if unit not in TOKENS:
        raise CatalogError(
            f"{name}: no price of a unit {unit!r}; give it in `prices`, or write `h` if it runs by the hour"
        )
    fact = catalog.token_price(name)
    paid, listed = (
        rates(fact, batch=batch).usd_per_m[0][TOKENS.index(unit)] / 1e6 for batch in (purchase.batch, False)
    )
    return UnitPrice(
        list_usd=float(listed),
        paid_usd=float(paid),
        as_of=fact.as_of,
        quality=fact.quality,
        source=fact.source,
    )
