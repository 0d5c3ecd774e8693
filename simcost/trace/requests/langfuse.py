"""Observations of Langfuse as requests."""

from collections.abc import Mapping
from typing import Any

from simcost.tables.json_objects import Rows
from simcost.trace.requests.cached_tokens import COLUMN as CACHED_TOKENS
from simcost.trace.requests.cached_tokens import of_usage

_DETAILS = ("usageDetails", "usage_details")


def observation_row(value: Mapping[str, Any]) -> Rows:
    """The observation, with its cached tokens, and with sums of its usage details where it has only these.

    Details count cached tokens of the prompt apart from `input`, as `input_cached_tokens`, `cache_read_input_tokens`
    and the like; Langfuse adds up those whose names hold `input`.
    """
    details = next((value[name] for name in _DETAILS if isinstance(value.get(name), dict)), None)
    if details is None:
        return [("", value)]
    cached = of_usage(details)
    found = value if cached is None else {**value, CACHED_TOKENS: cached}
    if "inputUsage" in value:
        return [("", found)]
    return [("", {**found, "inputUsage": _sum(details, "input"), "outputUsage": _sum(details, "output")})]


def _sum(details: Mapping[str, Any], side: str) -> Any:
    """Tokens of one side, None if there are none; what is not a whole number is kept for the message."""
    counts = [count for name, count in details.items() if side in name and count is not None]
    odd = [count for count in counts if type(count) is not int and not (isinstance(count, str) and count.isdecimal())]
    return odd[0] if odd else sum(map(int, counts)) if counts else None
