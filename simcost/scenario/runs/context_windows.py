"""Requests that are longer than the context of the model that answers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simcost.units import format_share

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario

_LOOKED_AT = 50_000
"""First requests of a replication: all of them are too many to draw again."""


def beyond_context(question: ResolvedScenario) -> Iterator[tuple[str, str]]:
    """A sentence, and the plan it is of, for each plan with requests that its model cannot hold."""
    import numpy as np

    plans = [plan for plan in question.plans if not plan.pool.images]
    if question.source is None or not plans:
        return
    totals, count = [], 0
    for batch in question.source.batches(0):
        totals.append(batch.prompt_tokens[: _LOOKED_AT - count].astype(np.int64))
        totals[-1] += batch.output_tokens[: _LOOKED_AT - count]
        count += len(totals[-1])
        if count >= _LOOKED_AT:
            break
    tokens = np.concatenate(totals) if totals else np.empty(0, np.int64)
    for plan in plans:
        name, context_tokens = _model(question, plan)
        longer = int(np.count_nonzero(tokens > context_tokens))
        if longer:
            share = f"{longer:,} of the first {count:,} requests ({format_share(longer / count)})"
            sentence = (
                f"{share} have more tokens than the context of {name}, {context_tokens:,}: an engine refuses them "
                "unless it is set up for more; here it answers them."
            )
            yield sentence, plan.plan.name
        yield from _beyond_rank(plan, tokens)


def _beyond_rank(plan: ResolvedPlan, tokens: npt.NDArray[np.int64]) -> Iterator[tuple[str, str]]:
    """A sentence for a plan with requests that no data-parallel rank holds: each has a KV cache of its own."""
    import numpy as np

    ranks = plan.plan.replica.dp if plan.plan.replica is not None else 1
    held = plan.pool.kv_capacity_tokens // ranks
    longer = int(np.count_nonzero(tokens > held))
    if ranks > 1 and longer:
        share = f"{longer:,} of the first {len(tokens):,} requests ({format_share(longer / len(tokens))})"
        sentence = (
            f"{share} have more tokens than the KV cache of one of {ranks} data-parallel ranks, {held:,}: an engine "
            "refuses them; here the ranks hold them together."
        )
        yield sentence, plan.plan.name


def _model(question: ResolvedScenario, plan: ResolvedPlan) -> tuple[str, int]:
    model = question.loaded.catalog.model(question.loaded.scenario.model_of(plan.plan) or "")
    return model.name, model.context_tokens
