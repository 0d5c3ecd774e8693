"""Rates, sizes and times that are most likely in another unit: without one they are bytes or seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from simcost.plan.serving import PrefixCaching
from simcost.scenario.files.nodes import Keys, YamlNode, dotted, items
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.units import MEAN_MONTH_S, SECONDS_PER_DAY, format_seconds, parse_seconds

LEAST_BYTES = 1e6
"""Per second, or in all: slower links and smaller images, tiers and overheads are not in use."""
_LONGEST_S = {
    "replica.first_token_overhead": 10.0,
    "overflow.ttft": 120.0,
    "overflow.tpot": 2.0,
    "disaggregation.link.base": 2.0,
    "prefix_cache.tiers.latency": 2.0,
}
"""Times above which milliseconds were meant."""
_LONGEST_LIMIT_S = {"ttft": 60.0, "tpot": 2.0, "e2e": 3600.0}
"""The same of the SLO, where a limit says no unit."""
_NO_UNIT = re.compile(r"\s*\d[\d.,_]*(e[-+]?\d+)?\s*", re.IGNORECASE)


def unusual_units(plan: Plan) -> list[str]:
    """A sentence for each value that is in another unit than its number says."""
    return [
        *(
            f"{path} is {value:g} bytes a second: a number without a unit is in bytes; write its unit, as 2GB/s."
            for path, value in _rates(plan)
            if value is not None and value < LEAST_BYTES
        ),
        *(
            f"{path} is {value:g} bytes: a number without a unit is in bytes; write its unit, as 5GB."
            for path, value in _sizes(plan)
            if value and value < LEAST_BYTES
        ),
        *(
            f"{path} is {format_seconds(value)}: a number without a unit is in seconds; write its unit, as {value:g}ms."
            for path, value in _times_s(plan)
            if value > _LONGEST_S[path]
        ),
    ]


def unusual_limits(loaded: LoadedScenario) -> list[str]:
    """A sentence for each latency limit of the SLO that is written without a unit, and is long for seconds; and one on
    the length of a run of months that begin at no date.
    """
    slos = [slo for node in (loaded.root, *items(loaded.root.get("tenants"))) if (slo := node.get("slo")) is not None]
    return [
        f"{dotted(path)} is {format_seconds(value)}: a number without a unit is in seconds; write its unit, as "
        f"{value:g}ms."
        for slo in slos
        for name, longest_s in _LONGEST_LIMIT_S.items()
        for limits in (slo, slo.get("percentiles"))
        if limits is not None and (limit := limits.get(name)) is not None
        for path, value in _numbers(limit)
        if value > longest_s
    ] + _months(loaded)


def _months(loaded: LoadedScenario) -> list[str]:
    node, scenario = loaded.root.get("horizon"), loaded.scenario
    if (
        node is None
        or scenario.horizon is None
        or scenario.starts
        or not str(node.value).rstrip().endswith(("mo", "y"))
    ):
        return []
    return [
        (
            f"horizon: {node.value} is {scenario.horizon / SECONDS_PER_DAY:g} d, in months of "
            f"{MEAN_MONTH_S / SECONDS_PER_DAY:g} d; with `starts` it is one of the calendar."
        )
    ]


def _numbers(node: YamlNode) -> list[tuple[Keys, float]]:
    """Numbers without a unit at a node, or in the mapping there, with their paths; also in quotes."""
    nodes = list(node.value.values()) if isinstance(node.value, dict) else [node]
    return [(one.path, parse_seconds(str(one.value))) for one in nodes if _NO_UNIT.fullmatch(str(one.value))]


def _rates(plan: Plan) -> Iterator[tuple[str, float | None]]:
    """Bytes per second."""
    for name in ("weights", "network", "storage", "reload"):
        yield f"startup.{name}", getattr(plan.startup, name)
    if plan.disaggregation is not None:
        yield "disaggregation.link.bandwidth", plan.disaggregation.link.bandwidth
    if isinstance(plan.prefix_cache, PrefixCaching):
        for tier in plan.prefix_cache.tiers:
            yield "prefix_cache.tiers.bandwidth", tier.bandwidth
    lora = plan.replica.lora if plan.replica is not None else None
    if lora is not None and lora.load is not None:
        yield from (("replica.lora.load.disk", lora.load.disk), ("replica.lora.load.link", lora.load.link))


def _sizes(plan: Plan) -> Iterator[tuple[str, float | None]]:
    """Bytes."""
    yield "startup.image_size", plan.startup.image_size
    if isinstance(plan.prefix_cache, PrefixCaching):
        for tier in plan.prefix_cache.tiers:
            yield "prefix_cache.tiers.size", tier.size
    if plan.replica is not None:
        yield "replica.overhead", plan.replica.overhead


def _times_s(plan: Plan) -> Iterator[tuple[str, float]]:
    """Seconds of latencies that are mostly written in milliseconds."""
    if plan.replica is not None:
        yield "replica.first_token_overhead", plan.replica.first_token_overhead
    if plan.overflow is not None:
        yield from (("overflow.ttft", plan.overflow.ttft), ("overflow.tpot", plan.overflow.tpot))
    if plan.disaggregation is not None:
        yield "disaggregation.link.base", plan.disaggregation.link.base
    if isinstance(plan.prefix_cache, PrefixCaching):
        for tier in plan.prefix_cache.tiers:
            yield "prefix_cache.tiers.latency", tier.latency
