"""Share of each tenant in the cost of a run: of the engines, and of an API that answers an overflow."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from simcost.catalog import Catalog
from simcost.ledger.requests import RequestOutcomes
from simcost.perf.token_time import token_seconds
from simcost.scenario.schema.scenario import Plan
from simcost.sim.serving.pool import Pool


def tenant_shares(pool: Pool, outcomes: RequestOutcomes) -> dict[str, float]:
    """Share of each tenant by the engine time of the tokens of its completed requests, without those that an API
    answered; they add up to 1.

    Empty where no request has a tenant, or none of their tokens takes time.
    """
    batching = pool.batching
    times_s = {
        one.tenant: token_seconds(
            pool.step,
            sequences=batching.max_num_seqs,
            step_tokens=batching.max_num_batched_tokens,
            prompt_tokens=one.prompt_tokens - one.api_prompt_tokens,
            output_tokens=one.output_tokens - one.api_output_tokens,
            requests=one.completed - one.api_requests,
            context_tokens=one.context_tokens,
            squared_prompts=one.squared_prompts,
        )
        for one in outcomes.by_tenant
    }
    return _parts(times_s)


def api_shares(plan: Plan, outcomes: RequestOutcomes, catalog: Catalog) -> dict[str, float]:
    """Share of each tenant in what an API was paid, by the prices of the tokens that it answered; they add up to 1.

    Empty where no request has a tenant, or no API answered any.
    """
    if plan.overflow is None:
        return {}
    price = catalog.token_price(plan.overflow.api)
    return _parts(
        {
            one.tenant: price.input_usd_per_m * one.api_prompt_tokens + price.output_usd_per_m * one.api_output_tokens
            for one in outcomes.by_tenant
        }
    )


def _parts(amounts: Mapping[str, float]) -> dict[str, float]:
    total = fsum(amounts.values())
    return {name: amount / total for name, amount in amounts.items()} if total > 0 else {}
