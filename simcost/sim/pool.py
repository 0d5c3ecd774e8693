"""What is simulated: one pool of identical replicas, its policies resolved to numbers."""

from dataclasses import dataclass, field

from simcost.perf import StepTime
from simcost.plan import Admission, Batching, LeastOutstanding, Router, Scaling, Startup


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Identical replicas behind one gateway."""

    name: str
    step: StepTime
    kv_capacity_tokens: int
    scaling: Scaling
    batching: Batching = field(default_factory=Batching)
    router: Router = field(default_factory=LeastOutstanding)
    admission: Admission = field(default_factory=Admission)
    startup: Startup = field(default_factory=Startup)
    weights_bytes: float = 0.0
    slots_per_node: int = 1
    accelerators_per_replica: int = 1
    response_bytes_per_token: float = 0.0
