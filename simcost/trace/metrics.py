"""Recorded metrics of a pool of replicas: a row per time, pod and metric, or a column per metric."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.tables.calendar import find_zone
from simcost.tables.cells import Flags
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.header import peek
from simcost.tables.typed import TypedTable, read_typed
from simcost.trace.series.local_time import utc_in_order
from simcost.trace.series.resample import finding
from simcost.units import NS_PER_S, how_many

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PHASES = ("pending", "running", "succeeded", "failed", "terminating")
"""Of a pod, by code; terminating = it runs, and is being deleted."""
READINESS = {"not ready": 0, "ready": 1, "unknown": -1}
"""By code; unknown = the pod has no Ready condition yet."""
SAID = ("ready", "phase", "request", "age_s", "ready_age_s", "window_s")
"""Columns about a pod besides a sample: readiness and phase by code, what it requests of the metric's resource, time
since it started and since its readiness changed, and the time that the sample covers.
"""


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
            time_ns=time_ns,
            pod=pod,
            metric=metric,
            value=value,
            failed=np.zeros(len(value), np.bool_),
            pods=tuple(f"pod-{i}" for i in range(pods)),
            metrics=tuple(blocks),
            said=dict(zip([*extra, "request"], others, strict=True)),
            start_utc_s=start_utc_s,
        )


def _pods(times: Floats, blocks: Mapping[str, Floats], extra: Mapping[str, Floats]) -> int:
    """Number of pods. Raises ValueError for shapes that do not fit."""
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


TIME, POD, METRIC, VALUE = "time", "pod", "metric", "value"
WIDE = "wide:"
"""Before the name of a column that is a metric."""
_READY = {
    "true": 1,
    "1": 1,
    "yes": 1,
    "ready": 1,
    "false": 0,
    "0": 0,
    "no": 0,
    "not ready": 0,
    "notready": 0,
    "unknown": -1,
}
_PHASE = {phase: code for code, phase in enumerate(PHASES)} | {"unknown": PHASES.index("running")}
_SAMPLE = "leave the cell empty where there is no sample, or write error where the source failed"


def _sample(name: str) -> Column:
    return Column(name=name, kind="number", words={"error": inf}, remedy=_SAMPLE)


def _known(name: str) -> Column:
    return Column(name=name, kind="number", low=0, remedy="leave the cell empty if it is unknown")


METRICS = DeclaredTable(
    what="recording of metrics, as CSV or Parquet",
    columns=(
        Column(
            name=TIME,
            aliases=(
                "timestamp",
                "t",
                "t_s",
                "time",
                "time_s",
                "timestamp_s",
                "timestamp_ms",
                "time_ms",
                "timestamp_utc",
                "ts",
                "datetime",
            ),
            kind="time",
            required=True,
            filled=True,
            remedy="write seconds, as 120.5, or ISO time, as 2026-03-03T08:00:00Z",
        ),
        Column(name=POD, aliases=("exported_pod", "pod_name", "replica", "instance")),
        Column(name=METRIC, aliases=("__name__", "metric_name"), filled=True),
        _sample(VALUE),
        Column(name="ready", kind="choice", words=_READY),
        Column(name="phase", aliases=("status",), kind="choice", words=_PHASE),
        *map(_known, ("request", "age_s", "ready_age_s", "window_s")),
        _sample(WIDE),
    ),
)
_NONE: Mapping[str, str] = {}
Findings = list[dict[str, Any]]


def read_metrics(
    path: Path, *, mapping: Mapping[str, str] = _NONE, timezone: str = "UTC"
) -> tuple[Recording, Findings]:
    """The metrics of a file.

    Args:
        path: CSV (also .gz) or Parquet, rows in any order: time, metric, value; with pod, where a row is of one pod;
            and what is known of it: ready, phase, request, age_s, ready_age_s, window_s. An empty value: the pod has no
            sample; `error`: the metric's source failed. Without the columns metric and value, each further column is
            a metric: of the pod, or without a column of pods of the whole pool.
        mapping: ours -> the file's column, where the file calls it otherwise.
        timezone: of times that say no zone.

    Returns:
        The recording, and findings on what was assumed or left out.

    Raises:
        FaultsError: cells or rows at fault, with their lines, all at once.
        TraceError: a file or column that cannot be used; the message says the remedy.
        InputError: unknown time zone.
    """
    find_zone(timezone)
    head = peek(path, METRICS.what)
    theirs = _columns(head.names, mapping, path)
    table = read_typed(path, head, METRICS, theirs)
    findings = [finding(kind, "", count, text) for kind, count, text in _assumed(table, timezone)]
    epoch = table.rules[TIME].epoch
    return _sorted(_long(table) if METRIC in theirs else _wide(table), findings, epoch=epoch), findings


def _assumed(table: TypedTable, timezone: str) -> Iterator[tuple[str, int, str]]:
    """Findings on rows passed over and times without a zone, which become UTC: kind, count and message."""
    for kind, count, text in table.findings():
        if kind != "no_zone":
            yield kind, count, text
        elif timezone == "UTC":
            yield kind, count, f"{text}; if they are of another zone, pass --timezone"
        else:
            yield from _in_utc(table, timezone)


def _in_utc(table: TypedTable, timezone: str) -> Iterator[tuple[str, int, str]]:
    """Take the times as those of a zone; of an hour that its clocks show twice, a sample's second time is the later."""
    codes = [table.codes[name] for name in (POD, METRIC) if name in table.codes]
    series = np.unique(np.stack(codes), axis=1, return_inverse=True)[1] if codes else np.zeros(len(table), np.int64)
    seconds, rest = np.divmod(table.times_ns[TIME], NS_PER_S)
    utc_s, shown = utc_in_order(series.reshape(-1), seconds, timezone)
    table.times_ns[TIME] = utc_s * NS_PER_S + rest
    if skipped := int((~shown).sum()):
        have = how_many(skipped, "row has a time", "rows have times")
        yield "clock_skipped", skipped, f"{have} that the clocks of {timezone} skipped; taken as an hour later"


def _columns(names: list[str], mapping: Mapping[str, str], path: Path) -> dict[str, str]:
    """Ours -> the file's. Raises TraceError for what is missing or unknown, all of it."""
    result, faults = METRICS.match(names, mapping)
    faults += METRICS.lacking(result)
    if (METRIC in result) != (VALUE in result):
        missing = VALUE if METRIC in result else METRIC
        faults.append(f"no {missing} column found; pass --map {missing}=COLUMN")
    if METRIC not in result and VALUE not in result:
        if POD not in result:
            result.pop("ready", None)  # of a whole pool it is a number of replicas
        others = [name for name in names if name not in result.values()]
        if not others:
            faults.append("no column holds a metric; give the columns metric and value, or one column per metric")
        result = {TIME: ""} | result | {f"{WIDE}{name.strip()}": name for name in others}
    METRICS.refuse(faults, names, path)
    return result


def _samples(table: TypedTable, ours: str) -> tuple[Floats, Flags]:
    """Values, NaN where there is none, and where the source failed."""
    values = table.numbers[ours]
    failed = np.isinf(values)
    return np.where(failed, nan, values), failed


def _numbered(table: TypedTable, ours: str) -> tuple[Ints, tuple[str, ...]]:
    """Codes and words of a column of text, in alphabetical order; -1 = empty."""
    words = tuple(sorted(filter(None, table.texts(ours))))
    number = {word: i for i, word in enumerate(words)} | {"": -1}
    return np.array([number[word] for word in table.texts(ours)], np.int64)[table.codes[ours]], words


def _pod_codes(table: TypedTable) -> tuple[Ints, tuple[str, ...]]:
    """Codes and names of the pods; -1 = the whole pool."""
    return _numbered(table, POD) if POD in table else (np.full(len(table), -1, np.int64), ())


def _long(table: TypedTable) -> Recording:
    """One row per sample."""
    value, failed = _samples(table, VALUE)
    metric, metrics = _numbered(table, METRIC)
    pod, pods = _pod_codes(table)
    return Recording(
        time_ns=table.times_ns[TIME],
        pod=pod,
        metric=metric,
        value=value,
        failed=failed,
        pods=pods,
        metrics=metrics,
        said={ours: table.numbers[ours] for ours in SAID if ours in table},
    )


_SERIES = re.compile(r"([A-Za-z_:][\w:.]*)\s*\{(.*)\}")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
_POD_LABELS = ("exported_pod", "pod", "pod_name", "kubernetes_pod_name", "replica", "instance")
_OF_CLUSTER = "kube_"
"""Beginning of the metrics of kube-state-metrics, whose pod and instance are its own."""


def _series(columns: Sequence[str]) -> list[tuple[str, str]]:
    """Metric and pod of columns named as Prometheus and Grafana name series; no pod = of the whole pool.

    A name stays as it is where its labels leave two columns for the same metric and pod.

    >>> _series(['waiting{pod="a", job="x"}', 'waiting{pod="b"}', 'queue{queue="q"}', "replicas"])
    [('waiting', 'a'), ('waiting', 'b'), ('queue', ''), ('replicas', '')]
    >>> _series(['lag{queue="a"}', 'lag{queue="b"}'])
    [('lag{queue="a"}', ''), ('lag{queue="b"}', '')]
    """
    found = []
    for column in columns:
        match = _SERIES.fullmatch(column)
        labels = dict(_LABEL.findall(match[2])) if match else {}
        pod = next((labels[name] for name in _POD_LABELS if labels.get(name)), "")
        found.append((match[1], "" if match[1].startswith(_OF_CLUSTER) else pod) if match else (column, ""))
    return [one if found.count(one) == 1 else (column, "") for column, one in zip(columns, found, strict=True)]


def _wide(table: TypedTable) -> Recording:
    """One column per metric, or per series of one: a pod is there where its series has a value."""
    names = [ours for ours in table.theirs if ours.startswith(WIDE)]
    columns = [ours.removeprefix(WIDE) for ours in names]
    series = [(column, "") for column in columns] if POD in table else _series(columns)
    metrics = tuple(dict.fromkeys(metric for metric, _ in series))
    read = [_samples(table, ours) for ours in names]
    value, failed = (np.concatenate(parts) for parts in zip(*read, strict=True))
    rows, count = len(table), len(names)
    pod, pods = _pod_codes(table)
    of_row = np.tile(pod, count)
    if of_series := tuple(dict.fromkeys(name for _, name in series if name)):
        codes = {name: code for code, name in enumerate(of_series)} | {"": -1}
        of_row, pods = np.repeat(np.array([codes[name] for _, name in series], np.int64), rows), of_series
    kept = ~(np.isnan(value) & ~failed & (of_row >= 0)) if of_series else np.ones(rows * count, np.bool_)
    return Recording(
        time_ns=np.tile(table.times_ns[TIME], count)[kept],
        pod=of_row[kept],
        metric=np.repeat(np.array([metrics.index(metric) for metric, _ in series]), rows)[kept],
        value=value[kept],
        failed=failed[kept],
        pods=pods,
        said={ours: np.tile(table.numbers[ours], count)[kept] for ours in SAID if ours in table},
        metrics=metrics,
    )


def _sorted(recording: Recording, findings: Findings, *, epoch: bool) -> Recording:
    """The samples by time, the last of several for the same thing; dates count from the first."""
    time_ns = recording.time_ns
    order = np.lexsort((np.arange(len(time_ns)), recording.metric, recording.pod, time_ns))
    keys = np.stack([time_ns[order], recording.pod[order], recording.metric[order]])
    last = np.append((np.diff(keys, axis=1) != 0).any(axis=0), True)
    twice = int((~last).sum())
    if twice:
        have = how_many(twice, "row has", "rows have")
        text = f"{have} the time, pod and metric of a later row; the last row of each counts"
        findings.append(finding("duplicate", "", twice, text))
    order = order[last]
    first_ns = int(time_ns[order[0]]) if epoch else 0
    return Recording(
        time_ns=time_ns[order] - first_ns,
        pod=recording.pod[order],
        metric=recording.metric[order],
        value=recording.value[order],
        failed=recording.failed[order],
        pods=recording.pods,
        metrics=recording.metrics,
        said={name: column[order] for name, column in recording.said.items()},
        start_utc_s=first_ns / NS_PER_S if epoch else np.nan,
    )
