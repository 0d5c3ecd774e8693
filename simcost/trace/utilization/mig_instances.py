"""Samples of MIG instances as samples of whole GPUs, whose duty is the sum of duty x slices / slices of the GPU."""

import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from simcost.errors import TraceError
from simcost.tables.typed import TypedTable
from simcost.trace.utilization.samples import (
    ALLOCATED,
    DUTY,
    ENGINE,
    FREE,
    GPUS,
    POD,
    PROFILE,
    SLICE,
    TIME,
    TOTAL,
    UNIT,
    USED,
    Flags,
    Floats,
    Ints,
)

_SUMS = (DUTY, ENGINE, USED, FREE, TOTAL)
_PROFILE = re.compile(r"([1-7])g\.\d+gb")


def whole_gpus(table: TypedTable, unit: Ints, path: Path) -> tuple[TypedTable, Ints, int]:
    """Rows of GPUs in place of those of their MIG instances, the unit of each, and the rows of instances summed.

    Of an instance the last row of a time counts; rows of the GPU itself give way to those of its instances.

    Raises:
        TraceError: instances without a GPU or a profile, or a profile that does not say its part of the GPU.
    """
    if SLICE not in table.codes or not any(table.words[SLICE]):
        return table, unit, 0
    part, instance = _parts(table, path), table.codes[SLICE] != table.words[SLICE].get("", -1)
    time_ns = table.times_ns[TIME]
    order = np.lexsort((table.codes[SLICE], time_ns, unit))
    last = np.append(_differ(unit[order], time_ns[order], table.codes[SLICE][order]), True)
    order = order[last]
    begin = np.flatnonzero(np.append(True, _differ(unit[order], time_ns[order])))
    divided = np.logical_or.reduceat(instance[order], begin)
    order = order[instance[order] == np.repeat(divided, np.diff(np.append(begin, len(order))))]
    if POD in table.codes:  # a GPU is held while a pod is named on an instance of it
        free = table.codes[POD] == table.words[POD].get("", -1)
        order = order[np.lexsort((free[order], time_ns[order], unit[order]))]
    begin = np.flatnonzero(np.append(True, _differ(unit[order], time_ns[order])))
    first = order[begin]
    numbers = {name: values[first] for name, values in table.numbers.items()}
    for name in _SUMS:
        if name in numbers:
            of_gpu = table.numbers[name][order] * (part[order] if name in (DUTY, ENGINE) else 1.0)
            numbers[name] = np.round(np.add.reduceat(of_gpu, begin), 12)
    if ALLOCATED in numbers:
        numbers[ALLOCATED] = np.fmax.reduceat(table.numbers[ALLOCATED][order], begin)
    found = replace(
        table,
        times_ns={name: values[first] for name, values in table.times_ns.items()},
        codes={name: values[first] for name, values in table.codes.items()},
        wholes={name: values[first] for name, values in table.wholes.items()},
        numbers=numbers,
        rows=len(first),
        place=lambda i: table.place(int(first[i])),
    )
    return found, unit[first], int(instance[order].sum())


def _differ(*columns: Ints) -> Flags:
    """True where a row differs from the next in some column."""
    result: Flags = np.logical_or.reduce([np.diff(column) != 0 for column in columns])
    return result


def _parts(table: TypedTable, path: Path) -> Floats:
    """Part of its GPU that each row is of; 1 where it is of the GPU."""
    name = table.theirs[SLICE]
    instances = ", ".join([word for word in table.words[SLICE] if word][:3])
    refused = f"{path}: {name} names MIG instances ({instances}): a row is of a part of a GPU; "
    remedy = f"write a row a GPU, its duty the sum of duty x slices / 7 over its instances, and no {name}"
    if UNIT not in table.codes or GPUS in table.numbers or PROFILE not in table.codes:
        raise TraceError(f"{refused}keep the columns gpu and GPU_I_PROFILE, or {remedy}")
    of_profile = {code: part_of(word) for word, code in table.words[PROFILE].items()}
    named = table.codes[SLICE] != table.words[SLICE].get("", -1)
    for code in np.unique(table.codes[PROFILE][named]).tolist():
        if of_profile[code] is None:
            word = list(table.words[PROFILE])[code]
            raise TraceError(f"{refused}{word!r} does not say which part; {remedy}")
    parts = np.array([float(of_profile.get(code) or 1) for code in range(len(table.words[PROFILE]))])
    return np.where(named, parts[table.codes[PROFILE]], 1.0)


def part_of(profile: str) -> Fraction | None:
    """Part of the compute slices of a GPU that MIG gives to an instance; None where the profile does not say it.

    >>> part_of("3g.40gb"), part_of("1g.10gb+me"), part_of("2g.48gb"), part_of("1g.24gb"), part_of("x")
    (Fraction(3, 7), Fraction(1, 7), Fraction(1, 2), None, None)
    """
    found = _PROFILE.match(profile.strip().lower())
    slices = _slices().get(found[0], ()) if found else ()
    return Fraction(int(found[1]), min(slices)) if found and len(slices) == 1 else None


@cache
def _slices() -> dict[str, frozenset[int]]:
    """By profile, the slices of compute of the GPUs that have it."""
    from simcost.catalog import load_catalog

    found: dict[str, frozenset[int]] = {}
    for device in load_catalog().facts.mig:
        for profile in device.profiles.split():
            found[profile] = found.get(profile, frozenset()) | {device.slices}
    return found
