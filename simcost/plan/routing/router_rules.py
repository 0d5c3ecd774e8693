"""Rules of routers that the compiled data plane reads."""

from typing import ClassVar


class RouterRules:
    """Base of the routers, each known to the data plane by its `code`."""

    __slots__ = ()
    code: ClassVar[int]
    informed: ClassVar[bool] = True
    """True if it uses more than the requests in flight."""
    between_pools: ClassVar[bool] = False
    """True if it chooses a pool first, and so needs a plan with several."""

    def report_age(self) -> float | None:
        """Seconds that reports of the replicas may be old; None = it takes none."""
        return None

    def window_s(self) -> float:
        """Seconds over which it counts requests; 0 = it counts none."""
        return 0.0
