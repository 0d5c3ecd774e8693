"""How long a client waits."""

from dataclasses import dataclass

from simcost.units import PositiveSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Limits at the door of the pool."""

    timeout: PositiveSeconds | None = None
    """A request that is not finished this long after its arrival is abandoned; None = clients wait for ever."""
