"""Cost of the requests of a scenario at APIs, and assumptions about the providers' caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from simcost.billing.api.pricing import PerToken, TokenBill, bill_tokens
from simcost.billing.api.tokens import HitShare, NoCache, PrefixReuse, PromptCache, rates
from simcost.catalog import Catalog
from simcost.catalog.facts import TokenPrice
from simcost.scenario.runs.resolve import Source
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.breakeven.stated_levels import stated_misses
from simcost.studies.breakeven.study import Api
from simcost.tables.paths import inside
from simcost.trace.requests.prefix_reuse import KNOWN_BY, Shared, counted_requests, shared_in_stream, shared_in_trace
from simcost.trace.requests.store import open_trace
from simcost.trace.workload.spec import RecordedWorkload
from simcost.units import format_seconds, format_share


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOption:
    """An API as the user names it."""

    name: str
    """Name in results."""
    purchase: PerToken
    cache_stated: bool
    """Else it is looked for in the requests, with the ttl of `purchase.cache`."""
    ttft_p95_s: float | None = None
    tpot_p95_s: float | None = None


def priced(asked: ApiOption, catalog: Catalog, cache: PromptCache, said: str) -> Api:
    """The API with its price, its cache as it was found or stated.

    Raises:
        CatalogError: no price of it.
    """
    purchase = replace(asked.purchase, cache=cache)
    price = catalog.token_price_as_paid(purchase.api)
    return Api(
        name=asked.name,
        purchase=purchase,
        price=price,
        ended=price.deprecation_date if price.deprecation_date <= catalog.as_of else "",
        cache=said,
        hits_at_input_price=_at_input_price(price, purchase),
        ttft_p95_s=asked.ttft_p95_s,
        tpot_p95_s=asked.tpot_p95_s,
    )


def _at_input_price(price: TokenPrice, purchase: PerToken) -> bool:
    """True if cached tokens cost as much as others."""
    fresh, read = rates(price, service=purchase.service).usd_per_m[0, :2]
    return bool(fresh == read)


def in_scenario(asked: ApiOption, loaded: LoadedScenario, source: Source) -> Api:
    """The API for the requests of a scenario.

    Of recorded requests the cache is measured once, on the trace as it was recorded, and holds for every demand.

    Raises:
        CatalogError: no price.
    """
    misses = stated_misses(
        loaded.scenario.slo,
        ttft_p95_s=asked.ttft_p95_s,
        tpot_p95_s=asked.tpot_p95_s,
        batch=asked.purchase.service == "batch",
    )
    return replace(_with_its_cache(asked, loaded, source), slo_misses=misses)


def _with_its_cache(asked: ApiOption, loaded: LoadedScenario, source: Source) -> Api:
    if asked.cache_stated:
        return _as_stated(asked, loaded.catalog)
    keep_s = asked.purchase.cache.keep_s
    recorded = [one for one in loaded.scenario.workload if isinstance(one, RecordedWorkload)]
    if recorded and len(recorded) == len(loaded.scenario.workload):
        paths = [inside(loaded.folder, one.path) for one in recorded]
        return _with_shares(asked, loaded.catalog, paths, source.horizon_s)
    price = loaded.catalog.token_price_as_paid(asked.purchase.api)

    def requests() -> Iterator[Shared]:
        return shared_in_stream(source.batches(0), keep_s)

    cached, plain = (
        bill_tokens(requests(), replace(asked.purchase, cache=cache), price, source.horizon_s)
        for cache in (asked.purchase.cache, NoCache())
    )
    return _cheaper(
        asked, loaded.catalog, cached, plain, asked.purchase.cache, _searched(asked, "in the conversations drawn")
    )


def in_trace(asked: ApiOption, catalog: Catalog, trace: Path, span_s: float) -> Api:
    """The API for a stored trace as it was recorded: each prompt reads what its cache held then.

    Raises:
        CatalogError: no price.
        TraceError: the trace cannot be read.
    """
    if asked.cache_stated:
        return _as_stated(asked, catalog)
    cached, plain = _with_and_without(asked, catalog, [trace], span_s)
    return _cheaper(asked, catalog, cached, plain, asked.purchase.cache, _known(asked, [trace]))


def _with_shares(asked: ApiOption, catalog: Catalog, traces: Sequence[Path], horizon_s: float) -> Api:
    """The API for traces at any demand: shares of their tokens that its cache held, of prompts of all lengths alike."""
    cached, plain = _with_and_without(asked, catalog, traces, horizon_s)
    written = cached.count.tokens[:, 2].sum() / max(cached.count.input_tokens, 1)
    found = HitShare(hit=cached.count.read_share, written=float(written), ttl=asked.purchase.cache.keep_s)
    known = _known(asked, traces)
    same = replace(known, found=f"{known.found}, the same share of every prompt")
    return _cheaper(asked, catalog, cached, plain, found, same)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CacheSource:
    """Source of what a cache holds of prompts, in words."""

    found: str
    """Of a cache that holds something: which prompts, and how that is known."""
    nothing: str
    """Reason why it holds nothing."""


def _searched(asked: ApiOption, where: str) -> _CacheSource:
    """Of requests in which prompts that begin as earlier ones are searched."""
    ttl = format_seconds(asked.purchase.cache.keep_s)
    return _CacheSource(
        found=f", kept for {ttl}{_least(asked.purchase.cache)}, found {where}",
        nothing=f"no prompt begins as one of the last {ttl} {where}",
    )


def _known(asked: ApiOption, traces: Sequence[Path]) -> _CacheSource:
    """Of traces, whose log may count the cached tokens."""
    counted = [counted_requests(path) for path in traces]
    searched = _searched(asked, "in the trace as recorded")
    without = [path for path, requests in zip(traces, counted, strict=True) if not requests]
    searchable = any({*KNOWN_BY[1:]} & {*open_trace(path).columns} for path in without)
    if any(counted):
        known, rows = sum(counted), sum(open_trace(path).rows for path in traces)
        others = "in traces without counts they are searched" if searchable else "of the others none is taken as read"
        of = "" if known == rows else f" for {known:,} of {rows:,} requests; {others}"
        least = _least(asked.purchase.cache)
        return _CacheSource(
            found=f"{least}, as the log counts them{of}",
            nothing=f"the log counts no cached tokens{least.removeprefix(',') or ' of prompts'}{of}",
        )
    if searchable:
        return searched
    many = "the traces have" if len(traces) > 1 else "the trace has"
    none = f"{many} no cached tokens, prefix hashes or sessions to find it by; state what it holds with `hit=`"
    return replace(searched, nothing=none)


def _least(cache: PromptCache) -> str:
    return f", of prompts of {cache.min_tokens:,} tokens or more" if isinstance(cache, PrefixReuse) else ""


def _with_and_without(
    asked: ApiOption, catalog: Catalog, traces: Sequence[Path], horizon_s: float
) -> tuple[TokenBill, TokenBill]:
    """Bills of traces with the cache and without it."""
    price = catalog.token_price_as_paid(asked.purchase.api)

    def requests() -> Iterator[Shared]:
        return chain.from_iterable(shared_in_trace(path, asked.purchase.cache.keep_s) for path in traces)

    cached, plain = (
        bill_tokens(requests(), replace(asked.purchase, cache=cache), price, horizon_s)
        for cache in (asked.purchase.cache, NoCache())
    )
    return cached, plain


def _as_stated(asked: ApiOption, catalog: Catalog) -> Api:
    cache = asked.purchase.cache
    text = stated(cache)
    write_usd = catalog.token_price_as_paid(asked.purchase.api).cache_write_usd_per_m
    if isinstance(cache, HitShare) and cache.hit and not cache.written and write_usd:
        text += f", and nothing written to it, for which it takes ${write_usd:g} per 1M tokens (`written=`)"
    return priced(asked, catalog, cache, text)


def stated(cache: PromptCache) -> str:
    """A cache that the user stated, in words."""
    if isinstance(cache, HitShare):
        least = f" of {cache.min_tokens:,} tokens or more" if cache.min_tokens else ""
        return f"{format_share(cache.hit)} of prompts{least} read from its cache, as stated"
    return "no cache" if isinstance(cache, NoCache) else f"prefixes kept for {format_seconds(cache.keep_s)}"


def _cheaper(
    asked: ApiOption,
    catalog: Catalog,
    cached: TokenBill,
    plain: TokenBill,
    cache: PromptCache,
    source: _CacheSource,
) -> Api:
    """With the cache, unless writing costs more than reading saves."""
    share = format_share(cached.count.read_share)
    if cached.count.read_share == 0:
        return priced(asked, catalog, NoCache(), f"no cache: {source.nothing}")
    if cached.total_usd > plain.total_usd:
        return priced(asked, catalog, NoCache(), f"no cache: writing would cost more than reading {share} saves")
    return priced(asked, catalog, cache, f"{share} of prompts read from its cache{source.found}")


def bills(source: Source, apis: Sequence[Api], replication: int) -> tuple[TokenBill, ...]:
    """The bill of each API for the requests of a replication."""
    batches = list(source.batches(replication))
    return tuple(
        bill_tokens(
            shared_in_stream(iter(batches), api.purchase.cache.keep_s),
            api.purchase,
            api.price,
            source.horizon_s,
        )
        for api in apis
    )
