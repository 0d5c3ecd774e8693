"""Rate limits of tenants at the gateway, as API gateways and providers of models have them."""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal

from annotated_types import Gt, Le

from simcost.record import record
from simcost.units import PositiveCount, PositiveSeconds

PerMinute = Annotated[float, Gt(0), Le(1e12)]


@record
class RateLimits:
    """Limits of one tenant: a request over one of them is turned away at once (429), whatever room there is.

    Rates are token buckets that fill evenly. A request that is turned away takes nothing from them.
    """

    requests_per_min: PerMinute | None = None
    """Requests a minute, those sent again included; None = no limit."""
    tokens_per_min: PerMinute | None = None
    """Tokens a minute; None = no limit."""
    counted: Literal["prompt", "total", "answered"] = "total"
    """Tokens of a request that count: those of its prompt, when it comes; its prompt and answer, when it comes, as if
    it asked for just as many (OpenAI, Azure OpenAI); or both, once it has been answered: then a request passes while
    any is left, and the next ones pay (Envoy AI Gateway, Azure API Management)."""
    burst: PositiveSeconds = 60.0
    """Time for which the buckets fill at most, and are full at time 0: what may come at once. Azure OpenAI has 1 s to
    10 s. A request with more tokens than the bucket holds never passes."""
    concurrent: PositiveCount | None = None
    """Requests that are in the system at a time; None = no limit."""

    def __post_init__(self) -> None:
        if self.requests_per_min is None and self.tokens_per_min is None and self.concurrent is None:
            raise ValueError("limit nothing; give requests_per_min, tokens_per_min or concurrent")

    def most_requests(self) -> float:
        """Requests that the bucket holds: one at least."""
        return inf if self.requests_per_min is None else max(self.requests_per_min / 60 * self.burst, 1.0)

    def most_tokens(self) -> float:
        """Tokens that the bucket holds."""
        return inf if self.tokens_per_min is None else self.tokens_per_min / 60 * self.burst

    def needs_answers(self) -> bool:
        """True if what has ended so far decides about the next request."""
        return self.concurrent is not None or (self.tokens_per_min is not None and self.counted == "answered")
