"""Prices per token of genai-prices: its JSON (`data.json`, `data_slim.json`), or the installed package."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import import_module
from math import isclose, isnan
from pathlib import Path
from typing import Any

from simcost.catalog.facts import TokenPrice
from simcost.catalog.prices.json_stream import Path_, place, values
from simcost.catalog.prices.quote import ImportContext, UnreadableError, listed, mapped, number, said, whole, words
from simcost.catalog.usual_prices import unusual_token_price
from simcost.errors import Fault, FaultsError, InputError

PACKAGE = "genai-prices"
_NAMES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")
Prices = dict[str, tuple[float, int | None, float | None]]
"""By name: base price (NaN = none), where the size tier begins, its price."""


def read_tokens(
    file: Path | None, reading: ImportContext, provenance: dict[str, Any], day: str
) -> Iterator[TokenPrice]:
    """The price of each model.

    Args:
        file: the JSON; None = of the installed package.
        reading: takes the findings.
        provenance: source, date and quality of the rows.
        day: of several dated prices, that of this day is taken; `unknown` = the latest.
    """
    ours = {price.name.lower(): price for price in reading.catalog.facts.token_prices}
    kept: dict[str, TokenPrice] = {}
    for at, provider, model in _models(file, reading):
        reading.rows += 1
        try:
            price = _price(at, provider, mapped(model), reading, provenance, day)
        except UnreadableError as error:
            reading.findings.add("unreadable", at, f"{said(model, 'id')}: {error}")
            continue
        if price is not None:
            name = price.name.lower()
            kept[name] = _higher(kept.get(name), _completed(price, ours.get(name)), at, reading)
    yield from kept.values()


def _higher(earlier: TokenPrice | None, price: TokenPrice, at: str, reading: ImportContext) -> TokenPrice:
    """The price of a model, of two of one name the higher; with what is odd about it among the findings."""
    if unusual := unusual_token_price(price):
        reading.findings.add("far-from-catalog", at, unusual)
    if earlier is None:
        return price
    low, high = sorted((earlier, price), key=lambda one: (one.input_usd_per_m, one.output_usd_per_m))
    if replace(low, notes="") != replace(high, notes=""):
        detail = f"{price.name}: input {low.input_usd_per_m:g} to {high.input_usd_per_m:g}"
        reading.findings.add("several-prices", at, detail)
    return high


def _models(file: Path | None, reading: ImportContext) -> Iterator[tuple[str, str, Any]]:
    found = False
    for path, value in values(file, lambda path: not path) if file else _package():
        if len(path) != 1 or not isinstance(value, dict) or "models" not in value:
            continue
        found = True
        try:
            provider, models = words(value, "id").lower(), listed(value, "models")
        except UnreadableError as error:
            reading.findings.add("unreadable", place(path), str(error))
            continue
        for index, model in enumerate(models):
            yield f"{place(path)}.models[{index}]", provider, model
    if not found:
        message = "holds no providers with `models`: not the data of genai-prices (data.json)"
        raise FaultsError([Fault(file=str(file or PACKAGE), message=message)])


def _package() -> Iterator[tuple[Path_, Any]]:
    try:
        module = import_module("genai_prices.data")
    except ImportError:
        raise InputError(
            f"the package {PACKAGE} is not installed; install it, or give the path of its data.json as FILE"
        ) from None
    for index, provider in enumerate(module.providers):
        yield (str(index),), _plain(provider)


def _plain(value: Any) -> Any:
    """The package's objects as its JSON has them."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict) or hasattr(value, "__dict__"):
        parts = value if isinstance(value, dict) else vars(value)
        return {name: _plain(part) for name, part in parts.items() if not str(name).startswith("_")}
    return value


def _price(
    at: str, provider: str, model: dict[str, Any], reading: ImportContext, provenance: dict[str, Any], day: str
) -> TokenPrice | None:
    name = words(model, "id")
    rules, choice = _rules(model.get("prices"), day)
    chosen = max(map(_prices, rules), key=lambda prices: (prices["input_mtok"][0], prices["output_mtok"][0]))
    (entry, start, entry_tier), (output, output_start, output_tier) = (
        chosen["input_mtok"],
        chosen["output_mtok"],
    )
    if isnan(entry) or isnan(output) or entry <= 0 or output < 0:
        kinds = {0.0: "zero-price"}.get(entry, "no-price" if isnan(entry) or isnan(output) else "negative-price")
        reading.findings.add(kinds, at, f"{provider}/{name}: input {entry:g}, output {output:g}")
        return None
    if choice:
        reading.findings.add("several-rules", at, f"{provider}/{name}: {choice}")
    tier = start or output_start
    return TokenPrice(
        provider=provider,
        model=name,
        input_usd_per_m=entry,
        output_usd_per_m=output,
        cache_read_usd_per_m=_or_none(chosen["cache_read_mtok"]),
        cache_write_usd_per_m=_or_none(chosen["cache_write_mtok"]),
        cache_write_1h_usd_per_m=_or_none(chosen["cache_write_1h_mtok"]),
        tier_start_input_tokens=tier,
        tier_input_usd_per_m=(entry_tier or entry) if tier else None,
        tier_output_usd_per_m=(output_tier or output) if tier else None,
        context_tokens=_context(model),
        **_batch(model, chosen, day),
        **{**provenance, "notes": choice},
    )


def _prices(rule: dict[str, Any]) -> Prices:
    return {name: _base_and_tier(rule.get(name)) for name in _NAMES}


def _context(model: dict[str, Any]) -> int | None:
    tokens = number(model.get("context_window"))
    return int(tokens) if 1 <= tokens <= 1e9 else None


def _rules(prices: Any, day: str) -> tuple[list[dict[str, Any]], str]:
    """The prices that hold on a day, several where the hours of the day differ, and words about the choice."""
    if isinstance(prices, dict):
        return [prices], ""
    if not isinstance(prices, list) or not prices:
        raise UnreadableError("'prices' is neither an object nor a list")
    dated: list[tuple[str, dict[str, Any]]] = []
    timed: list[dict[str, Any]] = []
    for rule in prices:
        limits = rule.get("constraint") if isinstance(rule, dict) else None
        start = limits.get("start_date") if isinstance(limits, dict) else ""
        if start is None:
            timed.append(mapped(rule, "prices"))
        else:
            dated.append((str(start), mapped(rule, "prices")))
    begun = [pair for pair in dated if day == "unknown" or pair[0] <= day] or dated[:1]
    holding = [max(begun, key=lambda pair: pair[0])[1]] if begun else []
    choice = "the newest of several dated prices" if len(dated) > 1 else ""
    return holding + timed, "the hours of the day differ: the more expensive price" if timed else choice


def _base_and_tier(value: Any) -> tuple[float, int | None, float | None]:
    if not isinstance(value, dict):
        return number(value), None, None
    tiers = value.get("tiers")
    if not isinstance(tiers, list) or not tiers:
        return number(value.get("base")), None, None
    if len(tiers) > 1:
        raise UnreadableError(f"{len(tiers)} size tiers; only one can be kept")
    start, price = whole(mapped(tiers[0]).get("start")), number(mapped(tiers[0]).get("price"))
    if start is None or not price > 0:
        raise UnreadableError("a size tier without `start` or `price`")
    return number(value.get("base")), start, price


def _batch(model: dict[str, Any], standard: Prices, day: str) -> dict[str, Any]:
    """The factor of answers within a day, where it is one for input and output."""
    for variant in model.get("price_variants") or ():
        if not isinstance(variant, dict) or variant.get("when") != {"processing": "batch"}:
            continue
        limits = variant.get("constraint")
        start = str(limits.get("start_date") or "") if isinstance(limits, dict) else ""
        if day != "unknown" and start > day:
            continue
        batch = _prices(mapped(variant, "prices"))
        entry, output, cached = (
            batch[name][0] / standard[name][0] if standard[name][0] else 1.0
            for name in ("input_mtok", "output_mtok", "cache_read_mtok")
        )
        if 0 < entry <= 1 and isclose(entry, output, rel_tol=1e-6):
            caches = isnan(standard["cache_read_mtok"][0]) or isclose(cached, entry, rel_tol=1e-6)
            return {"batch_multiplier": float(f"{entry:.9g}"), "batch_caches": caches}
    return {}


def _or_none(price: tuple[float, int | None, float | None]) -> float | None:
    return price[0] if price[0] >= 0 else None


def _completed(price: TokenPrice, ours: TokenPrice | None) -> TokenPrice:
    """The price with the batch factor that our catalog knows of the same model, where the list has none."""
    if ours is None or price.batch_multiplier is not None:
        return price
    return replace(price, batch_multiplier=ours.batch_multiplier, batch_caches=ours.batch_caches)
