"""Parts of an accelerator that a replica takes: MIG instances and time slices."""

import re
from dataclasses import replace
from fractions import Fraction

from simcost.catalog.facts import Accelerator, Provenance
from simcost.errors import CatalogError, did_you_mean
from simcost.record import record
from simcost.units import Count, PositiveCount

_SHAPES = {
    7: ((1, 1, range(7)), (1, 2, range(0, 7, 2)), (2, 2, range(0, 5, 2)), (3, 4, (0, 4)), (4, 4, (0,)), (7, 8, (0,))),
    4: ((1, 1, range(4)), (2, 2, (0, 2)), (4, 4, (0,))),
}
"""Instances by the slices of compute of a device: slices of compute, slices of memory, and at which of those an
instance may begin. NVIDIA MIG User Guide, "Supported MIG Profiles".
"""
_TIME_SLICE = re.compile(r"1/([2-9]|[1-9]\d)")


@record
class Slice:
    """A MIG instance, or a time slice."""

    name: str
    """Profile of the instance, as `1g.10gb`, or `1/4`."""
    part: Fraction
    """Of the device, where others may hold the rest of it: by slices of compute."""
    memory: Fraction
    """Of the memory, and of its bandwidth where it is an instance."""
    compute: Fraction
    """Of the processors; a time slice has all of them in its turn."""
    memory_bytes: float | None = None
    """As its profile says; None = its part of the device's."""
    width: int = 0
    """Slices of memory; 0 = a time slice, which has none of its own."""
    starts: tuple[int, ...] = ()
    """Slices of memory at which it may begin."""
    copies: int
    """Of it on a device that holds no others."""

    @property
    def slowdown(self) -> int:
        """Factor on the time of a step beside that on the device of `of`: a time slice waits for the turns of the
        others, its launches too.
        """
        return 1 if self.width else self.copies

    def of(self, accelerator: Accelerator) -> Accelerator:
        """The device that a replica on the slice has; in the turns of a time slice."""
        compute, memory = float(self.compute), accelerator.memory_bytes * float(self.memory)
        bandwidth = float(self.memory) if self.width else 1.0

        def part(flops: float | None) -> float | None:
            return None if flops is None else flops * compute

        return replace(
            accelerator,
            memory_bytes=memory if self.memory_bytes is None else min(memory, self.memory_bytes),
            memory_bytes_per_s=accelerator.memory_bytes_per_s * bandwidth,
            bf16_flops=accelerator.bf16_flops * compute,
            fp8_flops=part(accelerator.fp8_flops),
            int8_flops=part(accelerator.int8_flops),
            fp4_flops=part(accelerator.fp4_flops),
        )

    def assumption(self, *, measured: bool) -> str:
        """Assumption on its speed; `measured`: its times are stated."""
        if measured:
            return (
                "The measured times of the replica are taken as they are, so that they must have been measured on a "
                f"slice {self.name}; of its device it has {self.memory} of the memory."
            )
        if self.width:
            return (
                f"A MIG instance {self.name} has {self.memory} of the memory and its bandwidth and "
                f"{100 * float(self.compute):.3g} % of the processors of its device at the efficiency of the whole "
                "one, which no measurement here confirms."
            )
        return (
            f"A time slice has {self.part} of the time and the memory of its device, as if the others were always "
            f"busy: each step takes {self.copies} times as long. Switches between them take no time."
        )


@record
class MigSlices(Provenance):
    """Instances into which MIG divides a device."""

    accelerator: str
    slices: PositiveCount
    """Of compute."""
    profiles: str
    """Names of its instances, smallest first."""
    multiprocessors: str = ""
    """Of each instance; empty = not known, and in proportion to its slices of compute, of which the device has eight
    with the one that MIG leaves idle."""
    of_multiprocessors: Count = 0
    """Of the whole device."""

    @property
    def instances(self) -> tuple[Slice, ...]:
        """The instances that it offers; the last is the whole device."""
        shapes = _SHAPES[self.slices]
        width = shapes[-1][1]
        known = [Fraction(int(count), self.of_multiprocessors) for count in self.multiprocessors.split()]
        computes = known or [Fraction(compute, width) for compute, _, _ in shapes]
        return tuple(
            Slice(
                name=name,
                part=Fraction(compute, self.slices),
                memory=Fraction(memory, width),
                compute=processors,
                memory_bytes=float(name.partition(".")[2].removesuffix("gb")) * 1e9,
                width=memory,
                starts=tuple(starts),
                copies=len(starts),
            )
            for name, (compute, memory, starts), processors in zip(self.profiles.split(), shapes, computes, strict=True)
        )


def slice_of(accelerator: str, name: str, mig: MigSlices | None) -> Slice:
    """The part of an accelerator with a name: `1g.10gb`, or `1/4`.

    Raises:
        CatalogError: it has no such part; the message lists those it has.

    >>> slice_of("l4", "1/4", None).part
    Fraction(1, 4)
    """
    if found := _TIME_SLICE.fullmatch(name):
        copies = int(found[1])
        part = Fraction(1, copies)
        return Slice(name=name, part=part, memory=part, compute=Fraction(1), copies=copies)
    if mig is None:
        raise CatalogError(
            f"{accelerator} has no slice {name!r}: it cannot be divided by MIG; write a time slice, 1/2 to 1/99, or "
            "leave slice out"
        )
    instances = {instance.name: instance for instance in mig.instances}
    if name not in instances:
        raise CatalogError(
            f"{accelerator} has no slice {name!r}{did_you_mean(name, list(instances))}; it offers "
            f"{', '.join(instances)}, and time slices, 1/2 to 1/99"
        )
    return instances[name]
