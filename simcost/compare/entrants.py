"""Plans before a race, and what the results of one show of others that are not stronger."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePart:
    """One service of a plan of several, which the others do not affect."""

    alike: str
    """All but the numbers of replicas; services that are alike serve the same with the same numbers."""
    counts: tuple[float, ...]
    """Replicas, more of which never serve worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A plan before the race."""

    name: str
    bound_usd: float
    """Least cost a month."""
    chain: str = ""
    """Plans that differ in their sizes alone have one chain: more never serve worse."""
    sizes: tuple[float, ...] = ()
    services: Mapping[str, ServicePart] = field(default_factory=dict)
    """Services by name whose checks tell of them alone; none where they depend on each other."""
    family: str = ""
    """Plans that can be compared in strength have one family; empty = with no other."""
    policy: str = ""
    """Of scaling, sizes left out; empty = all replicas are there throughout, with which no policy serves better."""
    counts: tuple[float, ...] = ()
    """Most, fewest and first replicas, and the fewest while requests come."""
    hardware: str = ""
    """Replicas alike."""
    outruns: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Replications in which hardware of the family is not faster, by its name, its own included."""
    nodes: str = ""
    """Plans on the same nodes, bought alike and never lost, so that more replicas never cost less; empty = no other."""
    shares_nodes: bool = True
    """False where each node has room for one replica, so that each further one costs more."""
    kind: str = ""
    """Class of plans whose costs vary alike."""
    spread: float = 0.1
    """Relative standard deviation of its cost over replications that is assumed before any is known."""
    order: tuple[int, ...] = ()
    """Replications, the most telling first."""
    weights_bytes: float = 0.0
    """Of plans that cost the same and serve as well the one with more wins: fewer bits, or a smaller model, may cost
    quality."""


def is_no_stronger(entrant: Entrant, other: Entrant) -> bool:
    """True if it is the other plan without further replicas, on hardware that is not faster."""
    return bool(entrant.order) and not_better_in(entrant, other) >= frozenset(entrant.order)


def not_better_in(entrant: Entrant, other: Entrant) -> frozenset[int]:
    """Replications in which a plan serves no better than another one."""
    if entrant.family and entrant.family == other.family and other.policy in ("", entrant.policy):
        if _at_most(entrant.counts, other.counts):
            return other.outruns.get(entrant.hardware, frozenset())
        return frozenset()
    smaller = entrant.chain and entrant.chain == other.chain and _at_most(entrant.sizes, other.sizes)
    return frozenset(entrant.order) if smaller else frozenset()


def no_larger_services(entrant: Entrant, other: Entrant) -> list[str]:
    """Services of a plan that serve no better than those of another one."""
    return [
        name
        for name, part in entrant.services.items()
        if (one := other.services.get(name)) and one.alike == part.alike and _at_most(part.counts, one.counts)
    ]


def costs_no_less(entrant: Entrant, fleet: Entrant) -> bool:
    """True if a plan always has the nodes of a fixed fleet that is bought alike, or more."""
    alike = bool(fleet.nodes) and fleet.nodes == entrant.nodes and not fleet.policy and bool(fleet.counts)
    return alike and entrant.name != fleet.name and fleet.counts[0] <= min(entrant.counts[1:])


def _at_most(mine: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return len(mine) == len(theirs) and all(one <= other for one, other in zip(mine, theirs, strict=True))
