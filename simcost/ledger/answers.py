"""Answers to single requests, and the outcomes of a service whose clients get some of them from another service."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import RunError
from simcost.ledger.request_tables import WINDOWS
from simcost.ledger.requests import METRICS, Buckets, RequestOutcomes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_STATUSES = ("in_system", "completed", "rejected", "timed_out", "lost")
_DONE = _STATUSES.index("completed")
_COLUMNS = ("arrival_s", "prompt_tokens", "output_tokens", "ttft_s", "e2e_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers by the number of the request in its service; times from its arrival there, NaN = not known."""

    status: Ints
    """0 = still in the system at the end, else as the columns of the outcomes."""
    arrival_s: Floats
    prompt_tokens: Floats
    output_tokens: Floats
    ttft_s: Floats
    e2e_s: Floats
    sent_on_s: Floats
    """Time at which the request was last sent on to another service; NaN = it was not."""

    @classmethod
    def read(cls, rows: Path, arrived: int | None = None) -> Self:
        """Answers of a run, from a Parquet file of schema OUTCOMES.

        Args:
            rows: the file.
            arrived: number of its requests; None = up to the last that has left.

        Raises:
            RunError: the file cannot be read, or is not of this run.
        """
        try:
            table = pq.read_table(rows, columns=["request", "status", *_COLUMNS])
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{rows}: cannot read the outcomes: {error}; run again with --fresh") from error
        numbers = table["request"].to_numpy()
        last = int(numbers.max(initial=-1))
        arrived = last + 1 if arrived is None else arrived
        if last >= arrived:
            raise RunError(f"{rows}: has more requests than the run; run again with --fresh")
        found = {name: np.full(arrived, np.nan) for name in (*_COLUMNS, "sent_on_s")}
        for name in _COLUMNS:
            found[name][numbers] = table[name].to_numpy()
        status = np.zeros(arrived, np.int64)
        words = table["status"].to_numpy(zero_copy_only=False)
        for code, word in enumerate(_STATUSES):
            status[numbers[words == word]] = code
        return cls(status=status, **found)

    @property
    def completed(self) -> npt.NDArray[np.bool_]:
        """True of each request that was answered."""
        done: npt.NDArray[np.bool_] = self.status == _DONE
        return done

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """True of each request that left without an answer."""
        failed: npt.NDArray[np.bool_] = self.status > _DONE
        return failed

    def of(self, numbers: Ints) -> "Answers":
        """Those to some requests, in their order; numbers beyond the last are of requests that came after the end."""
        known = numbers < len(self.status)
        taken = {field.name: getattr(self, field.name)[numbers[known]] for field in fields(self)}
        found = {
            name: np.full(len(numbers), 0 if name == "status" else np.nan, values.dtype)
            for name, values in taken.items()
        }
        for name, values in taken.items():
            found[name][known] = values
        return Answers(**found)

    def sent_on(self, numbers: Ints, further: "Answers") -> "Answers":
        """The same with the final answers to the requests `numbers`, which were sent on at the end of the first answer.

        Args:
            numbers: requests, each once.
            further: the answers there, in their order; their times count from the end of the first answer.
        """
        after_s = self.e2e_s[numbers]
        found = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        found["status"][numbers] = further.status
        found["ttft_s"][numbers] = after_s + further.ttft_s
        found["e2e_s"][numbers] = after_s + further.e2e_s
        found["output_tokens"][numbers] = further.output_tokens
        found["sent_on_s"][numbers] = after_s + np.nan_to_num(further.sent_on_s)
        return Answers(**found)

    def outcomes(self, own: RequestOutcomes, horizon_s: float) -> RequestOutcomes:
        """The outcomes for the clients of a service; `own`: those of its own replicas, for what they agree in.

        A request that another service still works on is late where no first token came in time for certain: it is past
        its limit on E2E, or was sent on when it was past that on TTFT.
        """
        limits, count = own.limits, own.windows.num_rows
        there = ~np.isnan(self.arrival_s)
        window = np.zeros(len(there), np.int64)
        window[there] = np.minimum(self.arrival_s[there] // own.window_s, count - 1)
        done, waiting = self.completed, (self.status == 0) & ~np.isnan(self.sent_on_s)
        values = self._latencies()
        bounds = (limits.ttft_s, limits.tpot_s, limits.e2e_s)
        kept = [np.isnan(value) | (value <= bound) for value, bound in zip(values, bounds, strict=True)]
        late = (horizon_s - self.arrival_s > limits.e2e_s) | (self.sent_on_s > limits.ttft_s)
        by_window = _counter(window, count)
        ends = {word: by_window(self.status == code) for code, word in enumerate(_STATUSES) if code}
        columns = {
            "start_s": own.windows["start_s"],
            "arrived": own.windows["arrived"],
            **ends,
            "good": by_window(done & np.logical_and.reduce(kept)),
            "late": own.windows["late"].to_numpy() + by_window(waiting & late),
            **{name: by_window(done, getattr(self, name)) for name in ("prompt_tokens", "output_tokens")},
            "too_long": own.windows["too_long"],
        }
        left = {word: int(numbers.sum()) for word, numbers in ends.items()}
        return replace(
            own,
            completed=left["completed"],
            rejected=left["rejected"],
            timed_out=left["timed_out"],
            lost=left["lost"],
            in_system=own.arrived - sum(left.values()),
            prompt_tokens=int(columns["prompt_tokens"].sum()),
            output_tokens=int(columns["output_tokens"].sum()),
            windows=pa.table(columns, schema=WINDOWS),
            histograms=_histograms(window, [np.where(done, value, np.nan) for value in values], count, own.buckets),
            rows=None,
        )

    def _latencies(self) -> tuple[Floats, Floats, Floats]:
        """TTFT, TPOT and E2E."""
        gaps = np.where(self.output_tokens > 1, self.output_tokens - 1, np.nan)
        return self.ttft_s, (self.e2e_s - self.ttft_s) / gaps, self.e2e_s


def _counter(window: Ints, count: int) -> Callable[..., Ints]:
    """Counts by window of requests, or sums of what they have."""

    def by_window(chosen: npt.NDArray[np.bool_], amounts: Floats | None = None) -> Ints:
        weights = None if amounts is None else amounts[chosen]
        return np.bincount(window[chosen], weights, minlength=count).astype(np.int64)

    return by_window


def _histograms(window: Ints, values: list[Floats], count: int, buckets: Buckets) -> Any:
    """Counts [window, metric, bucket] of latencies, NaN left out, in the buckets of the simulator."""
    result = np.zeros((count, len(METRICS), buckets.count), np.int64)
    smallest = np.float64(buckets.smallest_s).view(np.int64) >> 45
    for metric, value in enumerate(values):
        known = ~np.isnan(value)
        bucket = np.clip((value[known].view(np.int64) >> 45) - smallest, 0, buckets.count - 1)
        cells = np.bincount(window[known] * buckets.count + bucket, minlength=count * buckets.count)
        result[:, metric] = cells.reshape(count, buckets.count)
    return result
