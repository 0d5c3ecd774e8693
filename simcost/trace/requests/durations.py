"""Durations that say their unit, as engines and proxies print them: 4.806s, 1.2ms, 63.2µs, 1m3.5s."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags, Floats

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0}
"""Units and their seconds; a micro sign and a Greek mu look alike."""
_DURATION = (
    r"^\s*(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m)?"
    rf"(?:(?P<number>\d{{1,15}}(?:\.\d{{1,15}})?)\s?(?P<unit>{'|'.join(_UNITS_S)}))?\s*$"
)


def durations_s(column: pa.Array) -> tuple[Floats, Flags]:
    """Seconds of the cells of a text column that say their unit, and which those are.

    >>> seconds, there = durations_s(pa.array(["4.5s", "1m3.5s", "250ms", "4.5", "soon", None]))
    >>> seconds[there].tolist(), there.tolist()
    ([4.5, 63.5, 0.25], [True, True, True, False, False, False])
    """
    found = pc.extract_regex(column, _DURATION)
    part = dict(zip((each.name for each in found.type), found.flatten(), strict=True))
    there = np.zeros(len(column), np.bool_)
    total = np.zeros(len(column))
    each_s = pc.index_in(part["unit"], pa.array(list(_UNITS_S)))
    factors = np.array([*_UNITS_S.values(), 0.0])[pc.fill_null(each_s, len(_UNITS_S)).to_numpy(zero_copy_only=False)]
    for name, factor in (("h", 3600.0), ("m", 60.0), ("number", factors)):
        digits = pc.fill_null(part[name], "")
        said = pc.not_equal(digits, "")
        there |= said.to_numpy(zero_copy_only=False)
        total += pc.if_else(said, digits, "0").cast(pa.float64()).to_numpy(zero_copy_only=False) * factor
    return total, there
