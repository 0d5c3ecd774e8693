"""Routers that the compiled data plane knows each by its `code`."""

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRobin:
    """Each ready replica in turn; a rejected request takes its turn too."""

    kind: Literal["round-robin"] = "round-robin"
    code: ClassVar[int] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastOutstanding:
    """The replica with the fewest requests in the system, waiting or running (join the shortest queue).
    Ties are broken by a hash of the request, so that low-numbered replicas do not fill first.
    """

    kind: Literal["least-outstanding"] = "least-outstanding"
    code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOfTwo:
    """The less loaded of two distinct replicas drawn by a hash of the request (a tie takes the first)."""

    kind: Literal["power-of-two"] = "power-of-two"
    code: ClassVar[int] = 2
