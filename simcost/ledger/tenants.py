"""Outcomes of the requests of each tenant, and the tokens by which costs are shared."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantOutcomes:
    """Outcomes of the requests of one tenant; sums over tenants are those of all requests.

    arrived = completed + rejected + timed_out + lost + in_system.
    """

    tenant: str
    arrived: int
    completed: int
    rejected: int
    timed_out: int
    lost: int
    in_system: int
    good: int
    """Completed within all limits of the tenant."""
    late: int
    """Still in the system at the end of the run, and already past a limit of the tenant."""
    prompt_tokens: int
    """Of completed requests, as all that follows."""
    output_tokens: int
    context_tokens: int
    """KV tokens that decode steps of the engines read."""
    squared_prompts: int
    """Sum of the squares of the tokens of prompts that the engines computed."""
    api_requests: int
    """Of the completed ones, those that an API answered; so are the two next."""
    api_prompt_tokens: int
    api_output_tokens: int
    rate_limited: int
    """Sendings that its rate limits turned away, retries included."""
    latency_places: npt.NDArray[np.int64]
    """Histogram cells that are not empty: metric x number of buckets + bucket, ascending; most of a tenant's are."""
    latency_counts: npt.NDArray[np.int64]
    """Requests in each of them."""
