"""Slots of a node that replicas hold, by accelerator where a replica may take a part of one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class NodeSlots:
    """Slots of a node, and who holds them.

    Where replicas may take parts of an accelerator, each accelerator has `parts` slots: a replica that takes fewer
    lies on one accelerator, one that takes more has accelerators of its own.
    """

    slots: int = 1
    parts: int = 1
    """Slots of an accelerator."""
    sizes: list[int] = field(default_factory=list)
    """Slots of each replica."""
    held: int = 0
    """Slots that replicas hold."""
    split: list[int] = field(default_factory=list)
    """Slots held on each accelerator; empty where an accelerator has one."""

    def __post_init__(self) -> None:
        if self.parts > 1 and not self.split:
            self.split = [0] * (self.slots // self.parts)

    @property
    def free(self) -> int:
        """Slots that nobody holds."""
        return self.slots - self.held

    def count(self, size: int) -> int:
        """Replicas of a size that fit beside those that are there."""
        if self.parts == 1:
            return self.free // size
        if size < self.parts:
            return sum((self.parts - held) // size for held in self.split)
        return self.split.count(0) // (size // self.parts)

    def take(self, size: int) -> tuple[int, ...]:
        """Give slots to a replica: of the accelerators with room the fullest; return the accelerators."""
        chosen: tuple[int, ...] = ()
        if size < self.parts:
            fitting = [number for number, held in enumerate(self.split) if held + size <= self.parts]
            chosen = (max(fitting, key=lambda number: self.split[number]),)
        elif self.parts > 1:
            unused = [number for number, held in enumerate(self.split) if held == 0]
            chosen = tuple(unused[: size // self.parts])
        self.hold(size, chosen)
        return chosen

    def can_hold(self, size: int, accelerators: tuple[int, ...]) -> bool:
        """True if nobody holds these slots."""
        return size <= self.free and all(
            self.split[number] + min(size, self.parts) <= self.parts for number in accelerators
        )

    def hold(self, size: int, accelerators: tuple[int, ...]) -> None:
        """Give these slots to a replica."""
        self.sizes.append(size)
        self.held += size
        for number in accelerators:
            self.split[number] += min(size, self.parts)

    def give(self, size: int, accelerators: tuple[int, ...]) -> None:
        """Take the slots of a replica back."""
        self.sizes.remove(size)
        self.held -= size
        for number in accelerators:
            self.split[number] -= min(size, self.parts)

    def copy(self) -> "NodeSlots":
        """The same, for a trial."""
        return NodeSlots(self.slots, self.parts, self.sizes.copy(), self.held, self.split.copy())


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
