"""Requests of several tokens, where a latency table takes each token for a request of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simcost.scenario.checks.latency_tables import SOURCE
from simcost.tables.paths import inside
from simcost.trace.workload.lengths import Images, Lengths
from simcost.trace.workload.spec import RecordedWorkload

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Plan, Scenario

_SAMPLE = 1000
"""Requests that are looked at, of each stream."""


def tokens_in_batches(scenario: Scenario, folder: Path) -> list[str]:
    """A sentence where replicas with a latency table get requests of more than one token.

    Raises:
        TraceError: a trace that cannot be read.
    """
    plans = [plan.name for plan in scenario.plans if any(map(_has_table, plan.by_pool()))]
    most = max(_mean_tokens(scenario, folder), default=1.0) if plans else 1.0
    if most <= 1.0:
        return []
    sentence = (
        f"A latency table takes each token for a request of a batch, and requests have {most:,.3g} tokens in the mean "
        f"({', '.join(plans)}): give them one each, as prompt_median: 1, prompt_sigma: 0, output_median: 1, "
        "output_sigma: 0."
    )
    return [sentence]


def _has_table(plan: Plan) -> bool:
    step = None if plan.replica is None else plan.replica.step
    return step is not None and step.source.startswith(SOURCE)


def _mean_tokens(scenario: Scenario, folder: Path) -> Iterator[float]:
    """Tokens of a request, but for the first of its answer, which its prompt brings: the mean of each stream."""
    import numpy as np

    for workload in scenario.open_workloads():
        if isinstance(workload, RecordedWorkload):
            from simcost.trace.requests.store import read_tables

            table = next(read_tables(inside(folder, workload.path), ("prompt_tokens", "output_tokens"), _SAMPLE))
            yield float(np.mean(table.column(0).to_numpy() + table.column(1).to_numpy()) - 1)
            continue
        for lengths in [one.lengths or Lengths() for one in workload.clients] or [workload.lengths]:
            if not isinstance(lengths, Images):
                prompt, output = lengths.drawing(folder, np.random.default_rng(0))(_SAMPLE)
                yield float(np.mean(prompt + output) - 1)
