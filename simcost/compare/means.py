"""Means over replications."""

from collections.abc import Iterable, Mapping, Sequence
from math import fsum


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean; None where a value is missing."""
    known, missing = [], False
    for value in values:
        missing |= value is None
        known.append(value or 0.0)
    return None if missing else fsum(known) / len(known)


def mean_by_key(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each key; all rows have the same keys."""
    return {key: fsum(row[key] for row in rows) / len(rows) for key in rows[0]}


def mean_usd_by_key(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of the parts of bills: what a bill does not charge, such as tokens of an API that it did not call, is 0."""
    parts = dict.fromkeys(key for row in rows for key in row)
    return mean_by_key([dict.fromkeys(parts, 0.0) | dict(row) for row in rows])
