"""Recorded metrics of a pool of replicas: what a monitoring system kept of last Tuesday."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.units import NS_PER_S

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PHASES = ("pending", "running", "succeeded", "failed", "terminating")
"""Of a pod, by code; terminating = it runs, and is being deleted."""
READINESS = {"not ready": 0, "ready": 1, "unknown": -1}
"""By code; unknown = the pod has no Ready condition yet."""
SAID = ("ready", "phase", "request", "age_s", "ready_age_s", "window_s")
"""What a row may say of its pod besides a sample: readiness and phase by code, what it requests of the metric's
resource, time since it started and since its readiness changed, and the time that the sample covers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Samples in the order of time, one per row; all arrays have one length."""

    time_ns: Ints
    pod: Ints
    """Index into `pods`; -1 = a sample of the whole pool."""
    metric: Ints
    """Index into `metrics`."""
    value: Floats
    """NaN = the pod is there, and has no sample."""
    failed: Flags
    """The metric's source answered with an error."""
    pods: tuple[str, ...]
    metrics: tuple[str, ...]
    said: Mapping[str, Floats] = field(default_factory=dict)
    """Columns of `SAID`; NaN = the row says nothing, and what the pod's earlier rows said holds."""
    start_utc_s: float = nan
    """Time 0 in seconds since 1970; NaN = unknown."""

    def __len__(self) -> int:
        return len(self.time_ns)

    @classmethod
    def table(
        cls,
        time_s: Any,
        metrics: Mapping[str, Any],
        *,
        said: Mapping[str, Any] | None = None,
        requests: Mapping[str, Any] | None = None,
        start_utc_s: float = nan,
    ) -> Recording:
        """Samples taken all together, as arrays or lists.

        Args:
            time_s: shape (times,), rising.
            metrics: by name, shape (times,) for a total of the pool, (times, pods) for samples of its pods; NaN = none.
            said: what else is known of the pods, by a name of `SAID`: shape (times, pods); NaN = nothing new. A pod is
                there where it has a sample, or something is said of it.
            requests: what a pod requests of a metric's resource, by metric: a number, or of the metric's shape.
            start_utc_s: time 0 in seconds since 1970.

        Raises:
            ValueError: shapes that do not fit.

        >>> recorded = Recording.table([0, 15], {"w": [[3, 4], [5, float("nan")]]})
        >>> recorded.value.tolist(), recorded.pod.tolist()
        ([3.0, 4.0, 5.0], [0, 1, 0])
        """
        times = np.asarray(time_s, np.float64)
        blocks = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
        extra = {name: np.asarray(values, np.float64) for name, values in (said or {}).items()}
        pods = _pods(times, blocks, extra)
        parts = []
        for number, (name, block) in enumerate(blocks.items()):
            asked = np.broadcast_to(np.asarray((requests or {}).get(name, nan), np.float64), block.shape)
            parts.append(_rows(times, number, block, {**extra, "request": asked}))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        time_ns, pod, metric, value, *others = (column[order] for column in columns)
        return cls(
            time_ns=time_ns, pod=pod, metric=metric, value=value, failed=np.zeros(len(value), np.bool_),
            pods=tuple(f"pod-{i}" for i in range(pods)), metrics=tuple(blocks),
            said=dict(zip([*extra, "request"], others, strict=True)), start_utc_s=start_utc_s,
        )  # fmt: skip


def _pods(times: Floats, blocks: Mapping[str, Floats], extra: Mapping[str, Floats]) -> int:
    """How many pods there are. Raises ValueError for shapes that do not fit."""
    if times.ndim != 1 or not blocks or (np.diff(times) <= 0).any():
        raise ValueError("needs rising times and at least one metric")
    known = [name for name in SAID if name != "request"]
    wrong = [name for name in extra if name not in known]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is nothing that is known of a pod; known are {', '.join(known)}")
    shapes = {block.shape for block in (*blocks.values(), *extra.values())}
    widths = {shape[1] for shape in shapes if len(shape) == 2}
    if any(len(shape) not in (1, 2) or shape[0] != len(times) for shape in shapes) or len(widths) > 1:
        raise ValueError(f"every metric needs the shape ({len(times)},) or ({len(times)}, pods)")
    return widths.pop() if widths else 0


def _rows(times: Floats, number: int, block: Floats, extra: Mapping[str, Floats]) -> list[Any]:
    """One metric as rows: time, pod, metric, value and what is said."""
    time_ns = np.rint(times * NS_PER_S).astype(np.int64)
    if block.ndim == 1:
        total = np.full(len(times), -1)
        said = [each if each.ndim == 1 else np.full(len(times), nan) for each in extra.values()]
        return [time_ns, total, np.full(len(times), number), block, *said]
    there = ~np.isnan(block)
    for name, each in extra.items():
        there |= ~np.isnan(each) & (name != "request")
    row, pod = np.nonzero(there)
    said = [each[there] for each in extra.values()]
    return [time_ns[row], pod, np.full(len(row), number), block[there], *said]
