"""Per-token prices: worked examples, and the columns against one request at a time."""

import doctest
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.billing.account import bill_usage
from simcost.billing.api import tokens
from simcost.billing.api.pricing import PerToken, Provisioned, bill_tokens, token_charges
from simcost.billing.api.tokens import (
    NOTHING,
    HitShare,
    NoCache,
    PrefixReuse,
    count_tokens,
    rates,
    request_usd,
)
from simcost.billing.bill import Place
from simcost.billing.purchasing import Purchasing
from simcost.catalog import load_catalog
from simcost.catalog.facts import TokenPrice
from simcost.errors import CatalogError, FaultsError
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.usage.reader import read_usage

FACT = {"source": "test", "as_of": "2026-10", "quality": "A"}
PRICE = TokenPrice(
    provider="acme",
    model="m",
    input_usd_per_m=3,
    output_usd_per_m=15,
    cache_read_usd_per_m=0.3,
    cache_write_usd_per_m=3.75,
    cache_write_1h_usd_per_m=6,
    tier_start_input_tokens=1000,
    tier_input_usd_per_m=6,
    tier_output_usd_per_m=22.5,
    batch_multiplier=0.5,
    **FACT,
)
PLAIN = replace(PRICE, tier_start_input_tokens=None, tier_input_usd_per_m=None, tier_output_usd_per_m=None)
Request = tuple[int, int, int, int]
"""input, read, written, output."""


@st.composite
def one_request(draw: st.DrawFn) -> Request:
    size = draw(st.integers(1, 3000))
    read = draw(st.integers(0, size))
    return size, read, draw(st.integers(0, size - read)), draw(st.integers(0, 5000))


requests = st.lists(one_request(), min_size=1, max_size=30)


def one_by_one(price: TokenPrice, rows: list[Request], batch: bool) -> list[float]:
    """The formula of the module, a request at a time."""
    found = []
    for size, read, written, output in rows:
        p_in, p_out = price.input_usd_per_m, price.output_usd_per_m
        if price.tier_start_input_tokens is not None and size > price.tier_start_input_tokens:
            p_in, p_out = price.tier_input_usd_per_m, price.tier_output_usd_per_m
        ratio = p_in / price.input_usd_per_m
        p_read = p_in if price.cache_read_usd_per_m is None else price.cache_read_usd_per_m * ratio
        p_write = p_in if price.cache_write_usd_per_m is None else price.cache_write_usd_per_m * ratio
        usd = (size - read - written) * p_in + read * p_read + written * p_write + output * p_out
        found.append(usd / 1e6 * (price.batch_multiplier if batch else 1))
    return found


def columns(rows: list[Request]) -> list[np.ndarray]:
    return [np.array(column, np.int32) for column in zip(*rows, strict=True)]


def vectors(shared: Path, kind: str) -> list[dict[str, Any]]:
    cases = json.loads((shared / "vectors/billing.json").read_text())["cases"]
    found = [case for case in cases if case["kind"] == kind]
    assert found
    return found


def test_the_example_of_the_module() -> None:
    assert doctest.testmod(tokens).attempted == 2
    assert doctest.testmod(tokens).failed == 0


def test_token_requests_of_the_vectors(shared: Path) -> None:
    for case in vectors(shared, "token_request"):
        asked = case["input"]
        price = TokenPrice(
            provider="acme",
            model="m",
            **FACT,
            batch_multiplier=asked["batch_multiplier"],
            **{
                f"{name}_usd_per_m": asked[f"usd_per_m_{name}"]
                for name in ("input", "output", "cache_read", "cache_write")
            },
        )
        usd = request_usd(
            np.array([asked["input_tokens"]]),
            np.array([asked["output_tokens"]]),
            rates(price, service="batch"),
            read=np.array([asked["cache_read_tokens"]]),
            written=np.array([asked["cache_write_tokens"]]),
        )
        assert usd[0] == pytest.approx(case["expected"]["cost_usd"], rel=case["tolerance"], abs=1e-15), case["id"]


def test_tiered_requests_of_the_vectors(shared: Path) -> None:
    for case in vectors(shared, "token_request_tiered"):
        asked = case["input"]
        price = TokenPrice(
            provider="acme",
            model="m",
            **FACT,
            tier_start_input_tokens=asked["tier_start_input_tokens"],
            **{f"{name}_usd_per_m": asked["base_usd_per_m"][name] for name in ("input", "output")},
            **{f"tier_{name}_usd_per_m": asked["tier_usd_per_m"][name] for name in ("input", "output")},
        )
        rows = np.array([asked["input_tokens"], asked["input_tokens"] + 1])
        out = np.full(2, asked["output_tokens"])
        usd = request_usd(rows, out, rates(price), read=asked["cache_read_tokens"])
        assert usd[0] == pytest.approx(case["expected"]["cost_usd"], rel=case["tolerance"]), case["id"]
        assert usd[1] == pytest.approx(200_001 * 2.5e-6 + 1000 * 15e-6, rel=1e-12)


@pytest.mark.parametrize("price", [PRICE, PLAIN, replace(PLAIN, cache_read_usd_per_m=None, cache_write_usd_per_m=None)])
@given(rows=requests, batch=st.booleans())
def test_columns_equal_one_request_at_a_time(price: TokenPrice, rows: list[Request], batch: bool) -> None:
    size, read, written, output = columns(rows)
    paid = rates(price, service="batch" if batch else "standard")
    naive = one_by_one(price, rows, batch)
    assert request_usd(size, output, paid, read=read, written=written).tolist() == pytest.approx(naive, rel=1e-12)
    count = count_tokens(size, output, paid, read=read, written=written)
    assert count.usd(paid) == pytest.approx(sum(naive), rel=1e-12)
    assert sum(count.by_item_usd(paid).values()) == pytest.approx(count.usd(paid), rel=1e-12)
    assert (count.input_tokens, count.output_tokens) == (int(size.sum()), int(output.sum()))


@given(first=requests, second=requests)
def test_counts_add_up_and_money_is_linear(first: list[Request], second: list[Request]) -> None:
    paid = rates(PRICE)

    def count(rows: list[Request]) -> tokens.TokenCount:
        size, read, written, output = columns(rows)
        return count_tokens(size, output, paid, read=read, written=written)

    both = count(first + second)
    assert (both.tokens == (count(first) + count(second)).tokens).all()
    assert both.usd(paid) == pytest.approx(count(first).usd(paid) + count(second).usd(paid), rel=1e-12)
    twice = count(first) + count(first)
    assert twice.usd(paid) == pytest.approx(2 * count(first).usd(paid), rel=1e-12)


@given(st.lists(st.integers(1, 3000), min_size=2, max_size=20), st.integers(0, 1000))
def test_a_longer_prompt_never_costs_less(sizes: list[int], output: int) -> None:
    size = np.sort(np.array(sizes, np.int32))
    usd = request_usd(size, np.full(len(size), output), rates(PRICE))
    assert (np.diff(usd) >= 0).all()


def test_what_has_no_price_is_named() -> None:
    with pytest.raises(CatalogError, match=r"no batch price of acme/m"):
        rates(replace(PRICE, batch_multiplier=None), service="batch")
    with pytest.raises(CatalogError, match=r"keeping prompts for 3600 s with acme/m, only up to 5 min"):
        rates(replace(PRICE, cache_write_1h_usd_per_m=None), keep_s=3600)
    assert rates(PRICE, keep_s=3600).usd_per_m[0, 2] == 6
    assert rates(replace(PRICE, cache_write_usd_per_m=None), keep_s=7200).usd_per_m[0, 2] == 3


def test_a_batch_may_know_no_cache_discount() -> None:
    price = replace(PLAIN, batch_caches=False)
    assert rates(price, service="batch").usd_per_m.tolist() == [[1.5, 1.5, 1.875, 7.5]]
    assert rates(price).usd_per_m.tolist() == [[3, 0.3, 3.75, 15]]


def stream(rows: list[tuple[int, int, int]], cut: int = 10_000) -> list[tuple[RequestBatch, np.ndarray]]:
    """Batches of (second, input, output)."""
    at, size, out = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    whole = RequestBatch(at * 10**9, size.astype(np.int32), out.astype(np.int32))
    return [(whole[i : i + cut], np.zeros(len(whole[i : i + cut]), np.int64)) for i in range(0, len(rows), cut)]


arrivals = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 500), st.integers(1, 200)), min_size=1, max_size=40
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@given(rows=arrivals, cut=st.integers(1, 40), units=st.integers(1, 5), weight=st.integers(1, 4))
def test_units_serve_what_fits_into_each_minute(
    rows: list[tuple[int, int, int]], cut: int, units: int, weight: int
) -> None:
    bought = Provisioned(units=units, price=2.0, input_tokens_per_min=300, output_weight=weight)
    bill = bill_tokens(stream(rows, cut), PerToken(api="acme/m", provisioned=bought), PLAIN, 3600.0)
    taken: dict[int, int] = {}
    spilled = 0.0
    for at, size, output in rows:
        taken[at // 60] = taken.get(at // 60, 0) + size + weight * output
        if taken[at // 60] > 300 * units:
            spilled += (size * 3 + output * 15) / 1e6
    assert bill.paid.usd(bill.rates) == pytest.approx(spilled, rel=1e-12)
    assert bill.units_usd == 2.0 * units
    assert bill.count.input_tokens == sum(row[1] for row in rows)
    assert bill.requests == len(rows)


@given(rows=arrivals, units=st.integers(1, 5))
def test_more_units_never_spill_more(rows: list[tuple[int, int, int]], units: int) -> None:
    def paid(count: int) -> float:
        bought = Provisioned(units=count, price=2.0, input_tokens_per_min=300)
        bill = bill_tokens(stream(rows), PerToken(api="acme/m", provisioned=bought), PRICE, 3600.0)
        return bill.paid.usd(bill.rates)

    assert paid(units + 1) <= paid(units)


def test_reserved_units_are_paid_in_any_case() -> None:
    bought = Provisioned(units=3, price=2.0, input_tokens_per_min=1, reserved_units=2, reserved_price=1.5)
    assert bought.usd(10) == 10 * (2 * 1.5 + 2.0)
    assert replace(bought, reserved_units=5).usd(1) == 7.5
    with pytest.raises(ValueError, match="reserved_price"):
        Provisioned(units=1, price=2.0, input_tokens_per_min=1, reserved_units=1)


def test_cached_tokens_take_less_of_the_units() -> None:
    batch = stream([(0, 100, 10)])[0][0]
    bought = Provisioned(units=1, price=1, input_tokens_per_min=1, output_weight=3, cached_weight=0.5)
    assert bought.load(batch, np.array([60])).tolist() == [40 + 30 + 30]
    assert bought.load(batch, 0).tolist() == [130]


def test_no_requests_cost_nothing_but_units() -> None:
    bought = Provisioned(units=2, price=2.0, input_tokens_per_min=300)
    bill = bill_tokens([], PerToken(api="acme/m", provisioned=bought), PRICE, 7200.0)
    assert (bill.total_usd, bill.requests, bill.count.read_share) == (8.0, 0, 0.0)
    assert bill_tokens([], PerToken(api="acme/m"), PRICE, 7200.0).total_usd == NOTHING.usd(rates(PRICE)) == 0


def test_requests_beyond_the_window_are_counted() -> None:
    bill = bill_tokens(
        stream([(0, 90, 10), (1, 91, 10)]), PerToken(api="acme/m"), replace(PRICE, context_tokens=100), 3600.0
    )
    assert bill.too_long == 1


SHARED = np.array([0, 2000, 5000, 100, 1023])
SIZES = np.array([5000, 3000, 4000, 500, 2000], np.int32)


def test_caches_split_prompts() -> None:
    assert NoCache().split(SIZES, SHARED) == (0, 0)
    read, written = PrefixReuse().split(SIZES, SHARED)
    assert read.tolist() == [0, 2000, 4000, 0, 0]
    assert written.tolist() == [5000, 1000, 0, 0, 2000]
    read, written = HitShare(hit=0.5, written=0.25, min_tokens=1000).split(SIZES, SHARED)
    assert read.tolist() == [2500, 1500, 2000, 0, 1000]
    assert written.tolist() == [1250, 750, 1000, 0, 500]
    with pytest.raises(ValueError, match="more than the whole prompt"):
        HitShare(hit=0.8, written=0.3)


def test_cached_prompts_pay_the_read_price() -> None:
    rows = stream([(0, 2000, 1), (10, 2500, 1)])
    shared = [(rows[0][0], np.array([0, 2000]))]
    bill = bill_tokens(shared, PerToken(api="acme/m", cache=PrefixReuse()), PLAIN, 60.0)
    expected = (2000 * 3.75 + 2000 * 0.3 + 500 * 3.75 + 2 * 15) / 1e6
    assert bill.total_usd == pytest.approx(expected, rel=1e-12)
    assert bill.count.read_share == pytest.approx(2000 / 4500)
    assert bill.per_month_usd == pytest.approx(expected * 730 * 60)


def test_charges_add_up_to_the_bill() -> None:
    bought = Provisioned(units=1, price=2.0, input_tokens_per_min=300)
    rows = stream([(0, 250, 20), (1, 100, 7), (70, 90, 3)])
    bill = bill_tokens(rows, PerToken(api="acme/m", provisioned=bought), PRICE, 1800.0)
    place = Place(provider="acme", region="any", start_s=0.0, end_s=1800.0)
    charges = token_charges(bill, place)
    assert [charge.sku for charge in charges] == ["m input", "m output", "m provisioned"]
    alone = token_charges(bill_tokens(rows, PerToken(api="acme/m"), PRICE, 1800.0), place)
    assert [charge.sku for charge in alone] == ["m input", "m output"], "no units, no hours of them"
    assert sum(charge.effective_cost_usd for charge in charges) == pytest.approx(bill.total_usd, rel=1e-12)
    assert bill.total_usd == pytest.approx(1.0 + (100 * 3 + 7 * 15) / 1e6)
    assert charges[0].consumed_quantity == 100 / 1e6
    assert {charge.service for charge in charges} == {"tokens"}
    cached = bill_tokens(rows, PerToken(api="acme/m", cache=HitShare(hit=0.5)), PRICE, 1800.0)
    assert sum(c.billed_cost_usd for c in token_charges(cached, place)) == pytest.approx(cached.total_usd, rel=1e-12)


GRID = [
    (service, long, item, keep_s, region)
    for service in ("standard", "batch", "flex", "priority")
    for long in (False, True)
    for item in ("input", "cache read", "cache write", "output", "audio input", "audio output")
    for keep_s in (300, 3600)
    for region in ("any", "us")
]
FAMILIES = ("anthropic", "openai", "google", "xai", "aws")


def published(price: TokenPrice, service: str, long: bool, item: str, keep_s: float, region: str) -> float | None:
    """The published price, by hand; None = the catalog has none."""
    if item.startswith("audio"):
        usd = getattr(price, f"{item.replace(' ', '_')}_usd_per_m") if service == "standard" else None
        return None if usd is None else usd * surcharge(price, region)
    p_in, p_out = price.input_usd_per_m, price.output_usd_per_m
    s_in, s_out = p_in, p_out
    if service == "batch" and price.batch_multiplier:
        s_in, s_out = price.batch_multiplier * p_in, price.batch_multiplier * p_out
    elif service != "standard":
        s_in, s_out = (getattr(price, f"{service}_{name}_usd_per_m") for name in ("input", "output"))
    if s_in is None or s_out is None:
        return None
    p_read = p_in if price.cache_read_usd_per_m is None else price.cache_read_usd_per_m
    s_read = p_read
    if service != "standard":
        s_read = getattr(price, f"{service}_cache_read_usd_per_m")
        if s_read is None and price.cache_read_usd_per_m is None:
            s_read = s_in
        elif s_read is None and service == "batch":
            s_read = p_read * s_in / p_in if price.batch_caches else s_in
    p_write = price.cache_write_usd_per_m
    if p_write is None:
        p_write = p_in
    elif keep_s > 300:
        p_write = price.cache_write_1h_usd_per_m
    s_write = None if p_write is None else p_write * s_in / p_in
    usd = {"input": s_in, "cache read": s_read, "cache write": s_write, "output": s_out}[item]
    if usd is None or (long and price.tier_start_input_tokens and service in price.short_only):
        return None
    if long and price.tier_start_input_tokens:
        usd *= price.tier_output_usd_per_m / (p_out or 1) if item == "output" else price.tier_input_usd_per_m / p_in
    return usd * surcharge(price, region)


def surcharge(price: TokenPrice, region: str) -> float:
    return price.region_multiplier if region in price.regions.split() else 1.0


def test_every_price_of_the_grid_is_the_published_one_or_an_error_that_names_it() -> None:
    names = [one.name for one in load_catalog().facts.token_prices if one.provider in FAMILIES]
    found = 0
    for price in map(load_catalog().token_price, names):
        for service, long, item, keep_s, region in GRID:
            expected = published(price, service, long, item, keep_s, region)
            asked = {"service": service, "long": long, "keep_s": keep_s, "region": region}
            if expected is None:
                with pytest.raises(CatalogError, match=re.escape(price.name)):
                    tokens.token_price(price, item, **asked)
            else:
                assert tokens.token_price(price, item, **asked) == pytest.approx(expected, rel=1e-12), (price, asked)
                found += 1
    assert found > 10_000


def test_every_claude_has_prices_of_writes_kept_for_minutes_and_for_an_hour() -> None:
    catalog = load_catalog()
    names = [one.name for one in catalog.facts.token_prices if "claude" in one.model and one.provider != "deepinfra"]
    assert len(names) > 80
    for price in map(catalog.token_price, names):
        assert price.cache_write_usd_per_m == pytest.approx(1.25 * price.input_usd_per_m), price.name
        assert price.cache_write_1h_usd_per_m == pytest.approx(2 * price.input_usd_per_m), price.name
        assert price.cache_read_usd_per_m is not None
        assert price.provider == "aws" or price.batch_multiplier == 0.5


def test_a_batch_of_gemini_reads_its_cache_at_the_price_of_the_provider() -> None:
    """As the list of the provider has it: half the price of input, and the full price of cached tokens."""
    price = load_catalog().token_price("google/gemini-2.5-pro")
    assert rates(price, service="batch").usd_per_m.tolist() == [[0.625, 0.125, 0.625, 5.0], [1.25, 0.25, 1.25, 7.5]]


def test_a_missing_price_is_an_error_where_a_request_needs_it() -> None:
    """Prompts of the size tier are not sold with priority: a short prompt has a price, a long one names what lacks."""
    paid = rates(load_catalog().token_price("openai/gpt-5.4"), service="priority")
    one = np.array([10])
    assert count_tokens(one * 1000, one, paid).usd(paid) == pytest.approx((10_000 * 5 + 10 * 30) / 1e6)
    with pytest.raises(CatalogError, match=r"no priority price of openai/gpt-5\.4 for prompts of more than 272,000"):
        count_tokens(one * 30_000, one, paid).usd(paid)


EXPORT = {
    "uncached_input_tokens": ("input", 300),
    "cache_read_tokens": ("cache read", 300),
    "cache_creation.ephemeral_5m_input_tokens": ("cache write", 300),
    "cache_creation.ephemeral_1h_input_tokens": ("cache write", 3600),
    "output_tokens": ("output", 300),
    "input_audio_tokens": ("audio input", 300),
    "output_audio_tokens": ("audio output", 300),
}
"""Columns of an export, and which item each is and how long it is kept."""
SOLD = (
    "anthropic/claude-opus-5",
    "anthropic/claude-sonnet-4-5",
    "openai/gpt-5-mini",
    "openai/gpt-5.4",
    "openai/gpt-4o-audio-preview-2025-06-03",
    "google/gemini-2.5-pro",
    "google/gemini-2.5-flash-lite",
)


@st.composite
def export_rows(draw: st.DrawFn) -> tuple[str, str, bool, str, list[int | None]]:
    """A row: model, service, size tier, region, and tokens of each column; None = an empty cell."""
    counts, nothing = st.one_of(st.none(), st.just(0), st.integers(1, 10**8)), st.sampled_from((None, 0))
    name = draw(st.sampled_from(SOLD))
    return (
        name,
        draw(st.sampled_from(("standard", "batch", "flex", "priority"))),
        draw(st.booleans()),
        draw(st.sampled_from(("any", "us"))),
        [draw(counts if "audio" in name or "audio" not in column else nothing) for column in EXPORT],
    )


@given(rows=st.lists(export_rows(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_file_of_usage_pays_the_published_price_of_each_of_its_cells(
    tmp_path: Path, rows: list[tuple[str, str, bool, str, list[int | None]]]
) -> None:
    """Over providers, services, size tiers, kinds of caches, regions and modalities; cells of nothing need no price."""
    lines, expected = [",".join(["model", "start", "service_tier", "context_window", "region", *EXPORT])], 0.0
    lacking = set()
    for name, service, long, region, counts in rows:
        window = "> 200k" if long else "<= 200k"
        cells = ",".join("" if count is None else str(count) for count in counts)
        lines.append(f"{name},2026-11-01T00:00:00Z,{service},{window},{region},{cells}")
        for count, (item, keep_s) in zip(counts, EXPORT.values(), strict=True):
            usd = published(load_catalog().token_price(name), service, long, item, keep_s, region)
            if count and usd is None:
                lacking.add(name)
            expected += (count or 0) * (usd or 0.0) / 1e6
    (tmp_path / "usage.csv").write_text("\n".join(lines) + "\n")
    usage = read_usage(tmp_path / "usage.csv")
    if lacking:
        with pytest.raises(FaultsError) as error:
            bill_usage(usage, Purchasing(), load_catalog())
        assert {name for name in SOLD if name in str(error.value)} == lacking
    else:
        assert bill_usage(usage, Purchasing(), load_catalog()).total_usd == pytest.approx(expected, rel=1e-9, abs=1e-9)
