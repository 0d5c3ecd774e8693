"""Levels of service of a front in words: attainment, and the targets of jobs."""

from collections.abc import Mapping
from typing import Any

from simcost.compare.verdict import JOBS
from simcost.present.format import seconds, share
from simcost.slo import is_attainment, is_to_reach
from simcost.units import SECONDS_PER_HOUR

_TIMES = (("h", SECONDS_PER_HOUR), ("min", 60.0))
_SHARES = {"attainment": "attainment", "deadlines": "deadlines kept"}


def least_attainment(bounds: Mapping[str, float | None]) -> float | None:
    """Lower bound of the attainment, of tenants that of the one which has the least; None where it is not known."""
    shares = [value for name, value in bounds.items() if is_attainment(name)]
    return min((value for value in shares if value is not None), default=None) if None not in shares else None


def least_measured(plan: Mapping[str, Any]) -> float | None:
    """That of the service or tenant which has the least, as its bound is; of a plan without them its own."""
    parts = [part for one in plan.get("services", [plan]) for part in one.get("by_tenant") or [one["slo"]]]
    each: list[float | None] = [part["attainment"] for part in parts]
    return min((one for one in each if one is not None), default=None)


def is_share(name: str) -> bool:
    """True of a share of what is good; all others are times."""
    return is_to_reach(name)


def level_name(name: str) -> str:
    """`attainment`, `deadlines kept`, `P95 wait`."""
    metric, _, of = name.partition("_s ")
    return _SHARES.get(name) or f"{JOBS.get(of, of.upper())} {JOBS.get(metric, metric)}"


def level(name: str, value: float | None) -> str:
    """A value as it is shown."""
    return share(value) if is_share(name) else seconds(value)


def unit(name: str, largest: float) -> tuple[str, float]:
    """Unit of an axis up to this value, and how many of it a share, or a second, is."""
    if is_share(name):
        return "%", 100.0
    return next(((word, 1 / length_s) for word, length_s in _TIMES if largest >= 2 * length_s), ("s", 1.0))
