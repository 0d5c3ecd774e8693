"""Share of each tenant in the cost of a run."""

from __future__ import annotations

from math import fsum

from simcost.ledger.requests import RequestOutcomes
from simcost.perf.token_time import token_seconds
from simcost.sim.serving.pool import Pool


def tenant_shares(pool: Pool, outcomes: RequestOutcomes) -> dict[str, float]:
    """Share of each tenant by the engine time of the tokens of its completed requests; they add up to 1.

    Empty where no request has a tenant, or none of their tokens takes time.
    """
    batching = pool.batching
    times_s = {
        one.tenant: token_seconds(
            pool.step,
            sequences=batching.max_num_seqs,
            step_tokens=batching.max_num_batched_tokens,
            prompt_tokens=one.prompt_tokens,
            output_tokens=one.output_tokens,
            requests=one.completed,
            context_tokens=one.context_tokens,
            squared_prompts=one.squared_prompts,
        )
        for one in outcomes.by_tenant
    }
    total_s = fsum(times_s.values())
    return {name: time_s / total_s for name, time_s in times_s.items()} if total_s > 0 else {}
