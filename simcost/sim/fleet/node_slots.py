"""Slots of a node that replicas hold, by accelerator where a replica may take a part of one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class Instance(NamedTuple):
    """Memory slices of an accelerator that a MIG instance takes."""

    width: int
    starts: tuple[int, ...]
    """Slices at which it may begin."""

    def fit(self, taken: int) -> int | None:
        """The last place where it may begin beside what is taken, a bit a slice: others need the first ones."""
        free = (start for start in reversed(self.starts) if not taken & self.mask(start))
        return next(free, None)

    def mask(self, start: int) -> int:
        """Its slices, a bit for each."""
        return ((1 << self.width) - 1) << start


@dataclass(slots=True, eq=False)
class NodeSlots:
    """Slots of a node, and who holds them.

    Where replicas may take parts of an accelerator, each accelerator has `parts` slots: a replica that takes fewer
    lies on one accelerator, one that takes more has accelerators of its own. MIG instances lie where the accelerator
    lets them, and not beside time slices.
    """

    slots: int = 1
    parts: int = 1
    """Slots of an accelerator."""
    instances: Mapping[int, Instance] = field(default_factory=lambda: MappingProxyType({}))
    """MIG instances by the slots that they take."""
    sizes: list[int] = field(default_factory=list)
    """Slots of each replica."""
    held: int = 0
    """Slots that replicas hold."""
    split: list[int] = field(default_factory=list)
    """Slots held on each accelerator; empty where an accelerator has one."""
    taken: list[int] = field(default_factory=list)
    """Memory slices of each accelerator that MIG instances hold, a bit for each."""
    changes: int = 0
    """Times that a replica came or went."""

    def __post_init__(self) -> None:
        if self.parts > 1 and not self.split:
            self.split = [0] * (self.slots // self.parts)
            self.taken = [0] * len(self.split)

    @property
    def free(self) -> int:
        """Slots that are free."""
        return self.slots - self.held

    @property
    def full(self) -> bool:
        """True if no replica of any size fits; where parts of accelerators are given out, `count` alone knows."""
        return self.parts == 1 and self.held >= self.slots

    def count(self, size: int) -> int:
        """Replicas of a size that fit beside those that are there."""
        if self.parts == 1:
            return self.free // size
        if size in self.instances:
            return sum(map(self._count_instances, self.split, self.taken, [self.instances[size]] * len(self.split)))
        if size < self.parts:
            return sum(
                (self.parts - held) // size for held, taken in zip(self.split, self.taken, strict=True) if not taken
            )
        return self.split.count(0) // (size // self.parts)

    def take(self, size: int) -> tuple[int, ...]:
        """Give slots to a replica: of the accelerators with room the fullest. Return its place: the accelerators, or
        the accelerator of an instance and where it begins there.
        """
        chosen: tuple[int, ...] = ()
        if size in self.instances:
            chosen = self._place_of(self.instances[size])
        elif size < self.parts:
            fitting = [
                number for number, held in enumerate(self.split) if held + size <= self.parts and not self.taken[number]
            ]
            chosen = (max(fitting, key=lambda number: self.split[number]),)
        elif self.parts > 1:
            unused = [number for number, held in enumerate(self.split) if held == 0]
            chosen = tuple(unused[: size // self.parts])
        self.hold(size, chosen)
        return chosen

    def _count_instances(self, held: int, taken: int, instance: Instance) -> int:
        """Instances that fit on an accelerator beside others."""
        if held and not taken:
            return 0
        count = 0
        while (start := instance.fit(taken)) is not None:
            taken |= instance.mask(start)
            count += 1
        return count

    def _place_of(self, instance: Instance) -> tuple[int, int]:
        """The fullest accelerator with room for an instance, and where it begins there."""
        fitting = [
            number
            for number, (held, taken) in enumerate(zip(self.split, self.taken, strict=True))
            if self._count_instances(held, taken, instance)
        ]
        number = max(fitting, key=lambda one: self.split[one])
        start = instance.fit(self.taken[number])
        assert start is not None  # noqa: S101 - it fits
        return number, start

    def can_hold(self, size: int, accelerators: tuple[int, ...]) -> bool:
        """True if these slots are free."""
        if (instance := self.instances.get(size)) is not None:
            number, start = accelerators
            alone = not self.split[number] or self.taken[number] > 0
            return alone and not self.taken[number] & instance.mask(start)
        return size <= self.free and all(
            self.split[number] + min(size, self.parts) <= self.parts and not self.taken[number]
            for number in accelerators
        )

    def hold(self, size: int, accelerators: tuple[int, ...]) -> None:
        """Give these slots to a replica."""
        self.sizes.append(size)
        self.held += size
        self._enter(size, accelerators, 1)

    def give(self, size: int, accelerators: tuple[int, ...]) -> None:
        """Take the slots of a replica back."""
        self.sizes.remove(size)
        self.held -= size
        self._enter(size, accelerators, -1)

    def _enter(self, size: int, accelerators: tuple[int, ...], sign: int) -> None:
        """Add to what accelerators hold, or take from it."""
        self.changes += 1
        if (instance := self.instances.get(size)) is not None:
            number, start = accelerators
            self.taken[number] ^= instance.mask(start)
            accelerators = (number,)
        for number in accelerators:
            self.split[number] += sign * min(size, self.parts)

    def copy(self) -> "NodeSlots":
        """The same, for a trial."""
        room = NodeSlots(self.slots, self.parts, self.instances, self.sizes.copy(), self.held, self.split.copy())
        room.taken = self.taken.copy()
        return room


def unplaced(sizes: Sequence[int], rooms: Iterable[NodeSlots]) -> list[int]:
    """Sizes of replicas that would find no place: the largest first, each where least is left."""
    if len(set(sizes)) <= 1:
        return list(sizes[sum(room.count(sizes[0]) for room in rooms) :]) if sizes else []
    trial, left = [room.copy() for room in rooms], []
    for size in sorted(sizes, reverse=True):
        fitting = [room for room in trial if room.count(size)]
        if fitting:
            min(fitting, key=lambda room: room.free).take(size)
        else:
            left.append(size)
    return left
