"""Which replicas go when there are too many, and how they go."""

from dataclasses import dataclass
from typing import Literal

from simcost.units import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A replica that goes takes no new requests, and is paid until it has gone."""

    victims: Literal["youngest", "replica-set"] | None = None
    """Starting ones first, then the youngest; or as a ReplicaSet of Kubernetes: without a node, pending, not ready,
    with more siblings on its node, ready for a shorter time (on a scale of powers of 2), newer. None = `replica-set`
    under the controllers of Kubernetes, else `youngest`."""
    grace: Seconds | None = None
    """Time to finish the requests it has; what is left then is handled as `admission.in_flight` says. None = no limit.
    Kubernetes has 30 s (`terminationGracePeriodSeconds`) unless the Deployment says otherwise."""
