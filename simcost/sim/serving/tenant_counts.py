"""Counts of the requests of each tenant, read from the rows that the engine writes of all.

The engine knows nothing of tenants: its rows carry the number of each request in the order of arrival, by which the
tenant is looked up here, thousands of rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.ledger.requests import METRICS, Buckets, LatencyLimits
from simcost.ledger.tenants import TenantOutcomes
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NIL, Ints
from simcost.trace.requests.batch import Floats, RequestBatch, Tenants

_OF_API = ("api_requests", "api_prompt_tokens", "api_output_tokens")
_SUMS = ("good", "prompt_tokens", "output_tokens", "context_tokens", "squared_prompts", *_OF_API)
_MOST_PENDING = 1 << 20
"""Latencies that wait to be counted: to sort many at once takes less time."""
_DROPPED_BITS = 45
"""Of a float: its exponent and the top 7 bits of its mantissa are left."""


class TenantCounts:
    """Counts by tenant, of a run that has not begun.

    Args:
        limits: within which a request of each tenant is good, by name; a request has its number in this order.
        tick_s: seconds of a tick of the run.
        window_ticks: length of the windows that outcomes are counted in.
        windows: their number.
    """

    def __init__(self, limits: Mapping[str, LatencyLimits], tick_s: float, window_ticks: int, windows: int) -> None:
        self._names, self._tick_s, self._window_ticks = tuple(limits), tick_s, window_ticks
        self._tenants: Tenants = np.zeros(1 << 16, np.int16)
        self._known = 0
        count = len(self._names)
        self._ended = np.zeros((count, len(col.STATUSES)), np.int64)
        self._sums = np.zeros((count, len(_SUMS)), np.int64)
        self._cells, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        """Cells (tenant, metric, bucket) that are not empty, ascending, and the latencies in each."""
        self._pending: list[Ints] = []
        """Cells of the latencies that are not counted yet."""
        self._most = np.array([(limit.ttft_s, limit.tpot_s, limit.e2e_s) for limit in limits.values()])
        self.good: Ints = np.zeros(windows, np.int64)
        """Good requests by window of arrival."""

    def watched(self, arrivals: Iterator[RequestBatch]) -> Iterator[RequestBatch]:
        """The arrivals; the tenants of those that were taken are known."""
        for batch in arrivals:
            end = self._known + len(batch)
            if end > len(self._tenants):
                longer = np.zeros(max(2 * len(self._tenants), end), np.int16)
                longer[: self._known] = self._tenants[: self._known]
                self._tenants = longer
            self._tenants[self._known : end] = batch.tenants()
            self._known = end
            yield batch

    def then(self, on_rows: Callable[[Ints], None] | None) -> Callable[[Ints], None]:
        """A reader of rows that counts them, and hands them on."""

        def read(rows: Ints) -> None:
            self._count(rows)
            if on_rows is not None:
                on_rows(rows)

        return read

    def outcomes(
        self, arrived: int, numbers: Ints, waited_s: Floats, begun: npt.NDArray[np.bool_], limited: Sequence[int]
    ) -> tuple[tuple[TenantOutcomes, ...], npt.NDArray[np.bool_]]:
        """Outcomes of each tenant at the end of a run, and which of the open requests are late.

        Args:
            arrived: requests that did.
            numbers: of those without an end.
            waited_s: time since the arrival of each.
            begun: true where a token is there.
            limited: sendings of each tenant over its rate limits; empty if no tenant has any.
        """
        tenants = self._tenants[:arrived]
        own = self._most[tenants[numbers]]
        late = (waited_s > own[:, 2]) | (~begun & (waited_s > own[:, 0]))
        count = len(self._names)
        columns = np.column_stack(
            [
                np.bincount(tenants, minlength=count),
                self._ended,
                np.bincount(tenants[numbers], minlength=count),
                np.bincount(tenants[numbers[late]], minlength=count),
                self._sums,
                np.array(limited or [0] * count),
            ]
        )
        names = ("arrived", *col.STATUSES, "in_system", "late", *_SUMS, "rate_limited")
        self._count_pending()
        owner, place = np.divmod(self._cells, len(METRICS) * Buckets().count)
        ends = np.searchsorted(owner, np.arange(1, count))
        cells = zip(np.split(place, ends), np.split(self._counts, ends), strict=True)
        found = tuple(
            TenantOutcomes(
                tenant=name, latency_places=places, latency_counts=counts, **dict(zip(names, row, strict=True))
            )
            for name, row, (places, counts) in zip(self._names, columns.tolist(), cells, strict=True)
        )
        return found, late

    def _count(self, rows: Ints) -> None:
        tenant, status = self._tenants[rows[:, col.R_REQUEST]].astype(np.int64), rows[:, col.R_STATUS]
        np.add.at(self._ended, (tenant, status), 1)
        done = status == col.IS_COMPLETED
        rows, tenant = rows[done], tenant[done]
        prompt, output, arrival = rows[:, col.R_PROMPT], rows[:, col.R_OUTPUT], rows[:, col.R_ARRIVAL]
        to_first, steps = rows[:, col.R_FIRST] - arrival, output - 1
        ttft, e2e = self._seconds(to_first), self._seconds(rows[:, col.R_END] - arrival)
        several = steps > 0
        tpot = self._seconds((rows[:, col.R_END] - rows[:, col.R_FIRST]) / np.maximum(steps, 1))
        first = tenant * len(METRICS)
        for metric, (owner, values) in enumerate(((first, ttft), (first[several], tpot[several]), (first, e2e))):
            self._pending.append((owner + metric) * Buckets().count + _bucket(values))
        if sum(map(len, self._pending)) >= _MOST_PENDING:
            self._count_pending()
        most = self._most[tenant]
        good = (ttft <= most[:, 0]) & (e2e <= most[:, 2]) & (~several | (tpot <= most[:, 1]))
        api = rows[:, col.R_EVICTED] == NIL
        context, squared = steps * prompt + steps * output // 2, prompt * prompt
        sums = (good, prompt, output, context * ~api, squared * ~api, api, prompt * api, output * api)
        for place, values in enumerate(sums):
            np.add.at(self._sums[:, place], tenant, values)
        self.good += np.bincount(arrival[good] // self._window_ticks, minlength=len(self.good))

    def _count_pending(self) -> None:
        new, counts = np.unique(np.concatenate([self._cells[:0], *self._pending]), return_counts=True)
        self._pending = []
        cells = np.concatenate([self._cells, new])
        order = np.argsort(cells, kind="stable")
        cells, counts = cells[order], np.concatenate([self._counts, counts])[order]
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        self._cells = cells[starts]
        self._counts = np.add.reduceat(counts, starts) if len(starts) else counts

    def _seconds(self, ticks: npt.NDArray[Any]) -> Floats:
        return ticks.astype(np.float64) * self._tick_s


def _bucket(values_s: Floats) -> Ints:
    """Bucket of each value, as `engine.outcomes.count` finds it."""
    first = np.float64(Buckets().smallest_s).view(np.int64) >> _DROPPED_BITS
    found: Ints = np.clip((values_s.view(np.int64) >> _DROPPED_BITS) - first, 0, Buckets().count - 1)
    return found
