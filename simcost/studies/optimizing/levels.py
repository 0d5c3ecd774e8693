"""Levels of service of a front in words: attainment, and the targets of jobs."""

from simcost.compare.verdict import JOBS
from simcost.present.format import seconds, share
from simcost.slo import is_to_reach

_SHARES = {"attainment": "attainment", "deadlines": "deadlines kept"}


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


def axis(name: str) -> str:
    """Title of an axis, with its unit."""
    return f"{level_name(name)} ({'%' if is_share(name) else 's'})"
