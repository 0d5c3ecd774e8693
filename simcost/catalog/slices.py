"""Parts of an accelerator that several replicas share: MIG instances and time slices."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from simcost.catalog.facts import Provenance
from simcost.units import PositiveCount

Sharing = Literal["mig", "time"]
"""Instances with memory and processors of their own, or turns on the whole device."""
_SIZES = {7: (1, 2, 3, 4, 7), 4: (1, 2, 4), 2: (1, 2)}
"""Slices that an instance may have, by the slices of the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigSlices(Provenance):
    """Slices of compute into which MIG divides a device."""

    accelerator: str
    slices: PositiveCount

    @property
    def parts(self) -> tuple[Fraction, ...]:
        """Parts of the device that an instance may have."""
        return tuple(Fraction(size, self.slices) for size in _SIZES.get(self.slices, (self.slices,)))


def slice_fault(accelerator: str, part: Fraction, sharing: Sharing, mig: MigSlices | None) -> str:
    """Reason why a replica cannot take a part of an accelerator; empty where it can, or takes whole ones.

    >>> slice_fault("h100-sxm", Fraction(1, 3), "time", None)
    ''
    >>> slice_fault("l4", Fraction(1, 7), "mig", None)
    'l4 cannot be divided by MIG; share it by time slices, or take whole ones'
    """
    if part.denominator == 1 and part > 0:
        return ""
    if not 0 < part < 1:
        return f"a replica takes {part} of {accelerator}: write a whole number, or a part of one"
    if sharing == "time":
        return "" if part.numerator == 1 else f"time slices of {accelerator} are equal: 1/2, 1/3, ..., not {part}"
    if mig is None:
        return f"{accelerator} cannot be divided by MIG; share it by time slices, or take whole ones"
    if part in mig.parts:
        return ""
    offered = ", ".join(str(one) for one in mig.parts)
    return f"{accelerator} has no MIG instance of {part}; it offers {offered}"
