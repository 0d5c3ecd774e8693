"""Prices of a model behind an API: per million tokens, or units of capacity by the hour with the rest per token."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from simcost.billing.api.tokens import (
    ITEMS,
    NOTHING,
    Column,
    NoCache,
    PromptCache,
    ServiceTier,
    TokenCount,
    TokenRates,
    count_tokens,
    rates,
)
from simcost.billing.bill import Charge, Place, UnitPrice, volume_charge
from simcost.catalog.facts import TokenPrice
from simcost.trace.requests.batch import Ints, RequestBatch
from simcost.units import HOURS_PER_MONTH, NS_PER_S, SECONDS_PER_HOUR, Count, PositiveCount, UsdPerH

_MINUTE_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """Units of capacity, paid by the hour whether used or not; requests beyond it within a minute pay per-token prices.
    Requests are served by the units in order of arrival as long as the tokens of the minute, their own included, stay
    within the capacity.
    """

    units: PositiveCount
    """Deployed."""
    price: UsdPerH
    """Of a unit and hour."""
    input_tokens_per_min: Annotated[float, Gt(0)]
    """Capacity of a unit."""
    output_weight: Annotated[float, Gt(0)] = 1.0
    """An output token takes as much capacity as this many input tokens."""
    cached_weight: Annotated[float, Ge(0)] = 0.0
    """A token read from the cache takes as much as this many."""
    reserved_units: Count = 0
    """Of a reservation, paid in each hour whether deployed or not."""
    reserved_price: UsdPerH | None = None
    """Of a reserved unit and hour."""

    def __post_init__(self) -> None:
        if self.reserved_units and self.reserved_price is None:
            raise ValueError("reserved_units need their price: give `reserved_price`, such as $0.70/h")

    @property
    def capacity(self) -> float:
        """Input tokens per minute of all units."""
        return self.units * self.input_tokens_per_min

    @property
    def paid_units(self) -> int:
        """Deployed or reserved."""
        return max(self.units, self.reserved_units)

    def usd(self, hours: float) -> float:
        """Cost of the units over so many hours, USD."""
        reserved_usd = self.reserved_units * (self.reserved_price or 0.0)
        return hours * (reserved_usd + max(0, self.units - self.reserved_units) * self.price)

    def load(self, batch: RequestBatch, read: Column) -> npt.NDArray[np.float64]:
        """Capacity that each request takes, in input tokens."""
        taken: npt.NDArray[np.float64] = (
            batch.prompt_tokens
            - read
            + self.cached_weight * np.asarray(read)
            + self.output_weight * batch.output_tokens
        )
        return taken


class Meter:
    """Requests served by a capacity per minute, over a stream of sorted arrivals."""

    def __init__(self, capacity: float) -> None:
        self._capacity = capacity
        self._minute, self._taken = -1, 0.0

    def fits(self, arrival_ns: Ints, load: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """True where the load of the minute so far, each request's own included, is within the capacity."""
        if len(load) == 0:
            return np.empty(0, bool)
        minute = arrival_ns // _MINUTE_NS
        first = np.flatnonzero(np.diff(minute, prepend=-1))
        until = np.cumsum(load)
        before = until[first] - load[first]
        if minute[0] == self._minute:
            before[0] -= self._taken
        taken = until - np.repeat(before, np.diff(first, append=len(load)))
        self._minute, self._taken = int(minute[-1]), float(taken[-1])
        within: npt.NDArray[np.bool_] = taken <= self._capacity * (1 + 1e-12)
        return within


class BusiestMinute:
    """Most requests and most tokens of a minute, over a stream of sorted arrivals; rate limits are of both."""

    def __init__(self) -> None:
        self.requests, self.tokens = 0, 0
        self._minute, self._open = -1, (0, 0)

    def add(self, batch: RequestBatch) -> None:
        """Further requests."""
        if len(batch) == 0:
            return
        minute = batch.arrival_ns // _MINUTE_NS
        first = np.flatnonzero(np.diff(minute, prepend=-1))
        requests = np.diff(first, append=len(minute))
        tokens = np.add.reduceat(batch.prompt_tokens.astype(np.int64) + batch.output_tokens, first)
        if minute[0] == self._minute:
            requests[0] += self._open[0]
            tokens[0] += self._open[1]
        self._minute, self._open = int(minute[-1]), (int(requests[-1]), int(tokens[-1]))
        self.requests, self.tokens = max(self.requests, int(requests.max())), max(self.tokens, int(tokens.max()))


MILLION = "1000000 Tokens"
"""As FOCUS writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerToken:
    """A model behind an API."""

    kind: Literal["per-token"] = "per-token"
    api: str
    """`provider/model` of the catalog's token prices."""
    cache: PromptCache = field(default_factory=NoCache)
    """Model of the provider's prompt cache."""
    service: ServiceTier = "standard"
    """Service tier of the requests, which has its own price."""
    region: str = "any"
    """Region in which the provider answers; some take more in some regions."""
    provisioned: Provisioned | None = None
    """Units of capacity; None = all is paid per token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBill:
    """Cost of the requests of a run at an API."""

    price: TokenPrice
    rates: TokenRates
    horizon_s: float
    paid: TokenCount
    """Per token."""
    in_units: TokenCount
    """Served by provisioned units."""
    units_usd: float
    unit_hours: float
    """Of provisioned units, deployed or reserved."""
    too_long: int
    """Requests beyond the context window: the API would refuse them; priced as if it did not."""
    units_load: float = 0.0
    """Share of the capacity of provisioned units that was used, at most 1: the last minute may be a part of one."""
    peak_requests_per_min: int = 0
    peak_tokens_per_min: int = 0
    """Input and output."""

    @property
    def requests(self) -> int:
        """All of them."""
        return self.paid.requests + self.in_units.requests

    @property
    def count(self) -> TokenCount:
        """All tokens."""
        return self.paid + self.in_units

    @property
    def total_usd(self) -> float:
        """Units and tokens."""
        return self.units_usd + self.paid.usd(self.rates)

    @property
    def per_month_usd(self) -> float:
        """Scaled to 730 h."""
        return self.total_usd * HOURS_PER_MONTH * SECONDS_PER_HOUR / self.horizon_s


def bill_tokens(
    requests: Iterable[tuple[RequestBatch, Ints]], purchase: PerToken, price: TokenPrice, horizon_s: float
) -> TokenBill:
    """The bill of a stream of requests.

    Args:
        requests: sorted by arrival, with the tokens of each prompt that an earlier one began with
            (`simcost.trace.requests.prefix_reuse`); they matter to `PrefixReuse` only.
        purchase: how they are bought.
        price: of `purchase.api`.
        horizon_s: length of the run.

    Raises:
        CatalogError: no price in that service, or for keeping prompts that long.
    """
    paid_rates = rates(price, service=purchase.service, keep_s=purchase.cache.keep_s, region=purchase.region)
    meter = Meter(purchase.provisioned.capacity) if purchase.provisioned else None
    count = in_units = NOTHING
    too_long, load = 0, 0.0
    peak = BusiestMinute()
    for batch, shared in requests:
        peak.add(batch)
        read, written = purchase.cache.split(batch.prompt_tokens, shared)
        written = 0 if price.cache_write_usd_per_m is None else written
        too_long += _beyond(batch, price.context_tokens)
        count += _count(batch, read, written, paid_rates)
        if meter is not None and purchase.provisioned is not None:
            taken = purchase.provisioned.load(batch, read)
            fits = meter.fits(batch.arrival_ns, taken)
            load += float(taken[fits].sum())
            in_units += _count(batch[fits], _of(read, fits), _of(written, fits), paid_rates)
    hours, bought = horizon_s / SECONDS_PER_HOUR, purchase.provisioned
    return TokenBill(
        price=price,
        rates=paid_rates,
        horizon_s=horizon_s,
        paid=count - in_units,
        in_units=in_units,
        units_usd=bought.usd(hours) if bought else 0.0,
        unit_hours=bought.paid_units * hours if bought else 0.0,
        too_long=too_long,
        units_load=min(1.0, 60.0 * load / (bought.capacity * horizon_s)) if bought else 0.0,
        peak_requests_per_min=peak.requests,
        peak_tokens_per_min=peak.tokens,
    )


def _count(batch: RequestBatch, read: Column, written: Column, rates: TokenRates) -> TokenCount:
    return count_tokens(batch.prompt_tokens, batch.output_tokens, rates, read=read, written=written)


def _of(column: Column, rows: npt.NDArray[np.bool_]) -> Column:
    return column if isinstance(column, int) else column[rows]


def _beyond(batch: RequestBatch, context_tokens: int | None) -> int:
    if context_tokens is None:
        return 0
    return int(np.count_nonzero(batch.prompt_tokens.astype(np.int64) + batch.output_tokens > context_tokens))


def token_charges(bill: TokenBill, place: Place) -> tuple[Charge, ...]:
    """A bill as charges: one for each kind of token that was used, and one for provisioned units."""
    fact = bill.price
    price = UnitPrice(list_usd=0.0, paid_usd=0.0, as_of=fact.as_of, quality=fact.quality, source=fact.source)
    usd = bill.paid.by_item_usd(bill.rates)
    used = dict(zip(ITEMS, bill.paid.tokens.sum(axis=0).tolist(), strict=True))
    charges = []
    for item in (item for item in ITEMS if used[item]):
        per_m = 1e6 * usd[item] / used[item]
        mean = replace(price, list_usd=per_m, paid_usd=per_m)
        sku = f"{bill.price.model} {item}"
        charges.append(volume_charge(place, "tokens", sku, used[item] / 1e6, MILLION, mean))
    if bill.unit_hours:
        own = bill.units_usd / bill.unit_hours
        sku = f"{bill.price.model} provisioned"
        paid = UnitPrice.own(own, list_usd=own)
        charges.append(volume_charge(place, "tokens", sku, bill.unit_hours, "unit-hour", paid))
    return tuple(charges)
