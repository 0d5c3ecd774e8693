"""Numbers as manifests write them: Kubernetes quantities, Go durations."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_DECIMAL = {"n": "1e-9", "u": "1e-6", "m": "1e-3", "": "1", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12",
            "P": "1e15", "E": "1e18"}  # fmt: skip
_SUFFIXES = {name: Decimal(factor) for name, factor in _DECIMAL.items()} | {
    f"{name}i": Decimal(2) ** (10 * power) for power, name in enumerate("KMGTPE", 1)
}
_LARGEST = 1e100
"""Products and quotients of what is below stay finite."""
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def quantity(text: str) -> float:
    """A Kubernetes quantity.

    Raises:
        ValueError: it is none; the message says how one is written.

    >>> quantity("200m"), quantity("1.5k"), quantity("2Gi"), quantity("12e3")
    (0.2, 1500.0, 2147483648.0, 12000.0)
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{text!r} is no quantity; write e.g. 4, 0.5, 500m or 2Gi")
    try:
        value = float(Decimal(match[1]) * _SUFFIXES[match[2]])
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"{text!r} is too large for a number") from error
    if value and not 1 / _LARGEST <= abs(value) <= _LARGEST:
        raise ValueError(f"{text!r} is too {'large' if abs(value) > 1 else 'near 0'} for a number")
    return value


def go_duration(text: str) -> float:
    """Seconds of a duration in Go's form.

    Raises:
        ValueError: it is none; the message says how one is written.

    >>> go_duration("1h30m"), go_duration("100ms"), go_duration("0")
    (5400.0, 0.1, 0.0)
    """
    bare = text.strip()
    if bare in ("0", "+0", "-0"):
        return 0.0
    parts = _PART.findall(bare)
    if not parts or "".join(number + unit for number, unit in parts) != bare:
        raise ValueError(f"{text!r} is no duration; write e.g. 30s, 5m or 1h30m")
    return float(f"{sum(float(number) * _SECONDS[unit] for number, unit in parts):.15g}")
