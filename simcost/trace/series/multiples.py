"""Multiples in the name of a quantity: values that are written in thousands or millions."""

import re

_MULTIPLE = re.compile(r"(.*?)(?:^|[\s_]+)\(?(?:in[\s_]+)?(k|thousands?|millions?)\)?", re.IGNORECASE)
_FACTORS = {"k": 1e3, "thousand": 1e3, "million": 1e6}


def without_multiple(quantity: str) -> tuple[str, float]:
    """The quantity itself, and the factor that its name states.

    >>> without_multiple("requests_k"), without_multiple("requests (in thousands)"), without_multiple("millions")
    (('requests', 1000.0), ('requests', 1000.0), ('value', 1000000.0))
    >>> without_multiple("requests"), without_multiple("requests_per_s"), without_multiple("desk")
    (('requests', 1.0), ('requests_per_s', 1.0), ('desk', 1.0))
    """
    match = _MULTIPLE.fullmatch(quantity.strip())
    if match is None:
        return quantity, 1.0
    return match[1] or "value", _FACTORS[match[2].lower().rstrip("s")]
