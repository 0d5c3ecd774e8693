"""Per-token prices of models behind APIs, and the share of prompts in the provider's cache; in columns.

    price = f(model, item, service, prompt in the size tier, time kept, region), in `token_price`
    usd   = ((input - read - written) p_in + read p_read + written p_write + output p_out) / 1e6

`input` holds the tokens read from the provider's cache and those written to it. Reasoning tokens are output tokens.
A request whose input is GREATER than the start of the size tier pays tier prices for all its tokens, and cache prices
that grow as its input price does. A service (batch, flex, priority) has its own prices. A standard cache price that is
missing is the input price; any other missing price is an error. Nothing is rounded per request.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from annotated_types import Gt, Le

from simcost.catalog.facts import TokenPrice
from simcost.errors import CatalogError
from simcost.trace.usage.usage import TOKENS
from simcost.units import SECONDS, SECONDS_PER_HOUR, ByKind, Count, Share

Floats = npt.NDArray[np.float64]
Item = Literal["input", "cache read", "cache write", "output", "audio input", "audio output"]
ITEMS: tuple[Item, ...] = ("input", "cache read", "cache write", "output")
"""Items of requests, counted separately; `input` without the cached tokens."""
ITEM_OF: dict[str, Item] = dict(zip(TOKENS, (*ITEMS, "cache write", "audio input", "audio output"), strict=True))
"""The item of each unit of tokens in usage."""
ServiceTier = Literal["standard", "batch", "flex", "priority"]
"""Speed at which a provider answers: batches within a day, flex when it has time, priority first."""
SERVICE_TIERS: tuple[ServiceTier, ...] = get_args(ServiceTier)
SHORT_KEEP_S = 300.0
"""Time for which the cheaper of two kinds of cache write is kept."""


def token_price(
    price: TokenPrice,
    item: Item,
    *,
    service: ServiceTier = "standard",
    long: bool = False,
    keep_s: float = SHORT_KEEP_S,
    region: str = "any",
) -> float:
    """USD per million tokens.

    Args:
        price: the fact, completed by the rules of its provider (`Catalog.token_price`).
        item: kind of token.
        service: service tier of the request.
        long: the prompt is in the size tier; without one the price is the same.
        keep_s: how long written tokens are kept; more than 5 min is a more expensive write where writes have a price.
        region: where the provider answers.

    Raises:
        CatalogError: the catalog has no such price.
    """
    if item in ("audio input", "audio output"):
        usd = _audio(price, item, service)
    else:
        usd = _in_service(price, item, service, keep_s)
        if long and price.tier_input_usd_per_m is not None:
            usd *= _tier_factor(price, item, service)
    return usd * (price.region_multiplier or 1.0 if region.lower() in price.regions.split() else 1.0)


def _missing(price: TokenPrice, what: str, column: str) -> CatalogError:
    return CatalogError(
        f"the catalog has no {what} price of {price.name}; add `{column}` to token_prices.csv in your catalog folder"
    )


def _audio(price: TokenPrice, item: Item, service: ServiceTier) -> float:
    column = f"{item.replace(' ', '_')}_usd_per_m"
    usd = getattr(price, column)
    if usd is None or service != "standard":
        raise _missing(price, item if service == "standard" else f"{service} {item}", column)
    return float(usd)


def _in_service(price: TokenPrice, item: Item, service: ServiceTier, keep_s: float) -> float:
    """Price of a short prompt's tokens."""
    fresh = price.input_usd_per_m
    read = price.cache_read_usd_per_m
    standard = {
        "input": fresh,
        "cache read": fresh if read is None else read,
        "output": price.output_usd_per_m,
    }
    usd = _write(price, keep_s) if item == "cache write" else standard[item]
    if service == "standard":
        return usd
    entry, output = _service_prices(price, service)
    if item == "output":
        return output
    if item != "cache read":
        return usd * (entry / fresh)
    own = getattr(price, f"{service}_cache_read_usd_per_m")
    if own is not None:
        return float(own)
    if read is None or (service == "batch" and not price.batch_caches):
        return entry
    if service == "batch":
        return usd * (entry / fresh)
    raise _missing(price, f"{service} cache read", f"{service}_cache_read_usd_per_m")


def _service_prices(price: TokenPrice, service: ServiceTier) -> tuple[float, float]:
    """Input and output price of a service. Raises CatalogError."""
    if service == "batch" and price.batch_multiplier is not None:
        return price.input_usd_per_m * price.batch_multiplier, price.output_usd_per_m * price.batch_multiplier
    entry, output = (getattr(price, f"{service}_{item}_usd_per_m") for item in ("input", "output"))
    if entry is None or output is None:
        raise _missing(price, service, "batch_multiplier" if service == "batch" else f"{service}_input_usd_per_m")
    return float(entry), float(output)


def _tier_factor(price: TokenPrice, item: Item, service: ServiceTier) -> float:
    """Price of the size tier, relative to the base price. Raises CatalogError."""
    if service in price.short_only.split():
        raise CatalogError(
            f"the catalog has no {service} price of {price.name} for prompts of more than "
            f"{price.tier_start_input_tokens:,} tokens; as far as is known it is not sold"
        )
    if item == "output":
        return (price.tier_output_usd_per_m or 0.0) / price.output_usd_per_m if price.output_usd_per_m else 1.0
    return (price.tier_input_usd_per_m or price.input_usd_per_m) / price.input_usd_per_m


def _write(price: TokenPrice, keep_s: float) -> float:
    if price.cache_write_usd_per_m is None:
        return price.input_usd_per_m
    if keep_s <= SHORT_KEEP_S:
        return price.cache_write_usd_per_m
    if price.cache_write_1h_usd_per_m is None or keep_s > SECONDS_PER_HOUR:
        longest = "5 min" if price.cache_write_1h_usd_per_m is None else "1 h"
        raise CatalogError(
            f"the catalog has no price of keeping prompts for {keep_s:g} s with {price.name}, only up to {longest}; "
            "shorten `ttl`, or add the price to token_prices.csv in your catalog folder"
        )
    return price.cache_write_1h_usd_per_m


@dataclass(frozen=True, slots=True)
class TokenRates:
    """USD per million tokens of each of ITEMS, in rows: base, size tier; NaN = no price, an error where it is used."""

    usd_per_m: Floats
    tier_start: int | None
    missing: tuple[str, ...] = ()
    """The prices that are missing, as messages."""

    def usd(self, tokens: npt.NDArray[np.integer] | Floats) -> Floats:
        """Cost of tokens in the shape of the prices. Raises CatalogError."""
        rows: Floats = self.usd_per_m[: len(tokens)]
        used = tokens[: len(rows)] != 0
        if (np.isnan(rows) & used).any():
            raise CatalogError("; ".join(self.missing))
        found: Floats = np.where(used, tokens[: len(rows)] * rows, 0.0) / 1e6
        return found


def rates(
    price: TokenPrice, *, service: ServiceTier = "standard", keep_s: float = SHORT_KEEP_S, region: str = "any"
) -> TokenRates:
    """All prices of requests; arguments as `token_price`.

    Raises:
        CatalogError: the service is not sold, or prompts are not kept that long. Another price that is missing is an
            error when a request needs it.
    """
    token_price(price, "input", service=service)
    token_price(price, "cache write", service=service, keep_s=keep_s)
    rows, missing = [], dict[str, None]()
    for long in (False, True)[: 1 if price.tier_input_usd_per_m is None else 2]:
        row = []
        for item in ITEMS:
            try:
                row.append(token_price(price, item, service=service, long=long, keep_s=keep_s, region=region))
            except CatalogError as error:
                row.append(np.nan)
                missing[str(error)] = None
        rows.append(row)
    return TokenRates(np.array(rows), price.tier_start_input_tokens, tuple(missing))


@dataclass(frozen=True, slots=True, eq=False)
class TokenCount:
    """Tokens of requests by the price they pay; counts of several batches add up."""

    requests: int
    tokens: npt.NDArray[np.int64]
    """In rows base, size tier; in columns ITEMS."""

    def __add__(self, other: Self) -> "TokenCount":
        return TokenCount(self.requests + other.requests, self.tokens + other.tokens)

    def __sub__(self, other: Self) -> "TokenCount":
        return TokenCount(self.requests - other.requests, self.tokens - other.tokens)

    @property
    def input_tokens(self) -> int:
        """With those read from the cache and written to it."""
        return int(self.tokens[:, :3].sum())

    @property
    def output_tokens(self) -> int:
        """Reasoning included."""
        return int(self.tokens[:, 3].sum())

    @property
    def read_share(self) -> float:
        """Share of the input that was read from the cache."""
        return float(self.tokens[:, 1].sum()) / self.input_tokens if self.input_tokens else 0.0

    def usd(self, rates: TokenRates) -> float:
        """Cost of the tokens, USD."""
        return float(rates.usd(self.tokens).sum())

    def by_item_usd(self, rates: TokenRates) -> dict[Item, float]:
        """Cost of the tokens by item, USD."""
        usd = rates.usd(self.tokens).sum(axis=0)
        return dict(zip(ITEMS, usd.tolist(), strict=True))


NOTHING = TokenCount(0, np.zeros((2, len(ITEMS)), np.int64))
Column = npt.NDArray[np.integer] | int
"""Tokens of each request, or of every request alike."""


def count_tokens(
    input_tokens: npt.NDArray[np.integer],
    output_tokens: npt.NDArray[np.integer],
    rates: TokenRates,
    *,
    read: Column = 0,
    written: Column = 0,
) -> TokenCount:
    """The tokens of requests by the price they pay.

    Args:
        input_tokens: of each request, cached ones included.
        output_tokens: of each request.
        rates: whose size tier divides them.
        read: of the input, from the cache.
        written: of the input, to the cache.
    """
    columns = (input_tokens, read, written, output_tokens)
    total = np.array([_sum(column, len(input_tokens)) for column in columns])
    above = np.zeros_like(total)
    if rates.tier_start is not None:
        mask = input_tokens > rates.tier_start
        if mask.any():
            above = np.array([_sum(c if isinstance(c, int) else c[mask], int(mask.sum())) for c in columns])
    tokens = np.vstack([total - above, above])
    tokens[:, 0] -= tokens[:, 1] + tokens[:, 2]
    return TokenCount(len(input_tokens), tokens)


def _sum(column: Column, rows: int) -> int:
    return column * rows if isinstance(column, int) else int(column.sum(dtype=np.int64))


def request_usd(
    input_tokens: npt.NDArray[np.integer],
    output_tokens: npt.NDArray[np.integer],
    rates: TokenRates,
    *,
    read: Column = 0,
    written: Column = 0,
) -> Floats:
    """Cost of each request, to show cost by tenant or model; arguments as `count_tokens`.

    >>> price = TokenPrice(provider="openai", model="gpt-5-mini", input_usd_per_m=0.25, output_usd_per_m=2.0,
    ...                    cache_read_usd_per_m=0.025, source="doc", as_of="2026", quality="A")
    >>> request_usd(np.array([2746]), np.array([197]), rates(price), read=np.array([2208])).round(7).tolist()
    [0.0005837]
    """
    usd = _usd_per_m(rates, input_tokens)
    fresh = input_tokens.astype(np.int64) - read - written
    total: Floats = (fresh * usd[0] + read * usd[1] + written * usd[2] + output_tokens * usd[3]) / 1e6
    return total


def _usd_per_m(rates: TokenRates, input_tokens: npt.NDArray[np.integer]) -> Floats:
    """The price of each of ITEMS: for all requests, or in a column per request where there is a size tier."""
    row = 0 if rates.tier_start is None else (input_tokens > rates.tier_start).astype(np.intp)
    usd: Floats = rates.usd_per_m.T[:, row]
    return usd


Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCache:
    """Every token of every prompt is new."""

    kind: Literal["none"] = "none"

    @property
    def keep_s(self) -> float:
        """Nothing is kept."""
        return SHORT_KEEP_S

    def split(self, input_tokens: npt.NDArray[np.integer], shared: npt.NDArray[np.integer]) -> tuple[int, int]:
        """No tokens are read, none written."""
        return 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HitShare:
    """A stated share of the tokens of each prompt is read from the cache."""

    kind: Literal["share"] = "share"
    hit: Share
    """Of the input tokens, read."""
    written: Share = 0.0
    """Of the input tokens, written: where writing costs more than input, reads do not come without."""
    min_tokens: Count = 0
    """Shorter prompts are not cached; the shares are of the others."""
    ttl: Annotated[float, SECONDS, Gt(0), Le(86_400)] = SHORT_KEEP_S
    """Time for which what is written is kept, which is part of its price."""

    def __post_init__(self) -> None:
        if self.hit + self.written > 1:
            raise ValueError(f"hit ({self.hit:g}) and written ({self.written:g}) are more than the whole prompt")

    @property
    def keep_s(self) -> float:
        """The ttl."""
        return self.ttl

    def split(self, input_tokens: npt.NDArray[np.integer], shared: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
        """Tokens read and written of each request, rounded down."""
        long = np.where(input_tokens >= self.min_tokens, input_tokens, 0)
        return (self.hit * long).astype(np.int64), (self.written * long).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixReuse:
    """A prompt finds what an earlier one began with, if that was written or read no longer ago than `ttl`; what it
    does not find is written, to its end. So the known providers do, though none promises a hit.
    """

    kind: Literal["prefix"] = "prefix"
    ttl: Annotated[float, SECONDS, Gt(0), Le(86_400)] = SHORT_KEEP_S
    """Time for which a prefix stays after its last use: 5 min, or 1 h where that is sold."""
    min_tokens: Count = 1024
    """Shorter prompts are neither read nor written (1,024 with most providers)."""

    @property
    def keep_s(self) -> float:
        """The ttl."""
        return self.ttl

    def split(self, input_tokens: npt.NDArray[np.integer], shared: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
        """Tokens read and written of each request, of which `shared` begin an earlier one within the ttl."""
        read = np.where(shared >= self.min_tokens, np.minimum(shared, input_tokens), 0).astype(np.int64)
        return read, np.where(input_tokens >= self.min_tokens, input_tokens - read, 0).astype(np.int64)


PromptCache = Annotated[NoCache | HitShare | PrefixReuse, ByKind()]
