"""Service level of an API by what is stated of it: where it surely misses the SLO."""

from collections.abc import Iterator
from typing import Literal

from simcost.slo import Slo
from simcost.units import format_seconds

DAY_S = 86_400.0
"""Time within which a batch is answered."""
_STATED_SHARE = 0.95
"""Times of an API are stated as their p95."""


def stated_misses(slo: Slo, *, ttft_p95_s: float | None, tpot_p95_s: float | None, batch: bool) -> tuple[str, ...]:
    """Targets that an API surely misses, in words; empty where what is stated does not tell.

    Of a p95 beyond the limit of each request, fewer than 95 % are within it. A p95 beyond the target of a higher
    percentile misses that too. A batch is promised within a day and no earlier.

    Args:
        slo: of the scenario.
        ttft_p95_s: as stated; None = not known.
        tpot_p95_s: the same.
        batch: its answers come within a day.
    """
    if batch:
        return tuple(_of_a_batch(slo, ttft_p95_s))
    return (*_of(slo, "ttft", ttft_p95_s, slo.ttft), *_of(slo, "tpot", tpot_p95_s, slo.tpot))


def _of_a_batch(slo: Slo, ttft_p95_s: float | None) -> Iterator[str]:
    limits = [slo.ttft, slo.e2e, *(s for name in ("ttft", "e2e") for s in slo.percentiles.get(name, {}).values())]
    least = min((limit for limit in limits if limit is not None), default=DAY_S)
    if least < DAY_S and ttft_p95_s is None:
        yield f"answers within a day, and {format_seconds(least)} is asked for"


def _of(slo: Slo, metric: Literal["ttft", "tpot"], value_s: float | None, limit_s: float | None) -> Iterator[str]:
    if value_s is None:
        return
    targets = slo.percentiles.get(metric, {})
    asked = [limit for level, limit in targets.items() if level in ("p95", "p99")]
    if limit_s is not None and slo.attainment >= _STATED_SHARE:
        asked.append(limit_s)
    if asked and value_s > min(asked):
        stated, target = format_seconds(value_s), format_seconds(min(asked))
        yield f"{metric.upper()} p95 of {stated} as stated, and {target} is asked for"
