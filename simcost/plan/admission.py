"""How long a client waits, and what becomes of requests whose replica goes."""

from dataclasses import dataclass
from typing import Literal

from simcost.units import Count, PositiveSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Limits at the door of the pool."""

    timeout: PositiveSeconds | None = None
    """A request that is not finished this long after its arrival is abandoned; None = clients wait for ever."""
    in_flight: Literal["retry", "migrate", "lose"] = "retry"
    """Requests of a replica that is taken away: begin anew elsewhere; go on elsewhere with the tokens they have, once
    prompt and tokens are read again; or fail."""
    max_retries: Count = 3
    """How often a request may lose its replica; once more, and it fails."""
