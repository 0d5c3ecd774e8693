"""Values of the parts of a PromQL query: numbers, buckets of a latency, series of replicas or of the pool."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simcost.plan.autoscaling.metric_adapter import Known, is_average
from simcost.plan.autoscaling.policy import Over, Signal, Source

OVER: dict[str, Over] = {"sum": "sum", "avg": "mean", "max": "max", "min": "min"}
_REPLICA = frozenset(
    {
        "pod",
        "instance",
        "pod_name",
        "kubernetes_pod_name",
        "exported_pod",
        "exported_instance",
        "node",
        "hostname",
        "gpu",
        "uuid",
        "device",
        "replica",
    }
)
"""Labels that tell replicas apart."""
_DROPPED = frozenset({"pod", "instance"})
"""Labels without which all replicas are one series."""
SHAPES = (
    "known are sum, avg, max, min of a known metric, rate(...[w]) of a known counter, histogram_quantile of a "
    "latency, sums of these, and `or vector(0)`"
)


@dataclass(frozen=True, slots=True)
class QuerySeries:
    """Value of a part of a query: a number, buckets of a latency, or signals."""

    source: Source = ()
    by: frozenset[str] | None = frozenset()
    """Labels that the series differ by; None = all that there are."""
    number: float | None = None
    latency: str = ""
    """The latency of a histogram that no quantile has been taken of."""
    window: float = 0.0
    """Of the rate of such a histogram; 0 = since the engines started."""
    zero: bool = False
    extra: bool = False
    """True if `or vector(0)` has added a series without labels to others."""

    @property
    def each(self) -> bool:
        """True if there is one for each replica."""
        return self.by is None or any(label.lower() in _REPLICA for label in self.by)


def gauge(measured: Known, name: str, window_s: float) -> QuerySeries:
    """A metric as it is scraped: one series for each replica, or the one of what averages over the pool already."""
    signal = Signal(name=measured.signal, over=measured.over, window=window_s, scale=measured.scale, metric=name)
    return QuerySeries((signal,), frozenset() if is_average(name) else None)


def highest(series: QuerySeries) -> QuerySeries:
    """The maximum over the window instead of the mean."""
    return replace(series, source=tuple(replace(one, over_time="max") for one in series.source))


def without_buckets(series: QuerySeries) -> QuerySeries:
    """The series, which must not be buckets of a histogram."""
    if series.latency:
        raise ValueError(
            f"{series.latency} is a histogram; write histogram_quantile(0.95, sum by (le) (rate({series.latency}[5m])))"
        )
    return series


def aggregated(word: str, inner: QuerySeries, labels: frozenset[str], *, without: bool) -> QuerySeries:
    """Replicas taken together, where the labels that tell them apart go; what is one series stays as it is."""
    if inner.number is not None:
        return inner
    if inner.latency:
        return _added_buckets(word, inner, labels, without=without)
    if without:
        dropped = labels >= _DROPPED if inner.by is None else False
        by = frozenset() if dropped else None if inner.by is None else inner.by - labels
    else:
        by = labels if inner.by is None else labels & inner.by
    result = replace(inner, by=by, extra=False)
    if inner.extra and word in ("avg", "min"):
        raise ValueError(f"{word} counts the 0 of vector(0) as one more replica; write {word}(...) or vector(0)")
    if not inner.each or result.each:
        return result
    if word in ("max", "min") and len(inner.source) > 1:
        raise ValueError(f"{word} of a sum of metrics is not known, for one of them alone it is; {SHAPES}")
    return replace(result, source=tuple(replace(series, over=OVER[word]) for series in inner.source))


def _added_buckets(word: str, inner: QuerySeries, labels: frozenset[str], *, without: bool) -> QuerySeries:
    """Buckets of several replicas as those of one."""
    if word != "sum" or ("le" in labels) == without:
        raise ValueError(f"the buckets of {inner.latency} are added up by sum by (le) (...); {SHAPES}")
    if without:
        return replace(inner, by=frozenset() if labels >= _DROPPED else inner.by)
    kept = labels - {"le"}
    return replace(inner, by=kept if inner.by is None else kept & inner.by)


def added(left: QuerySeries, right: QuerySeries) -> QuerySeries:
    """The sum of two, which must have the same labels for Prometheus to match them."""
    left, right = without_buckets(left), without_buckets(right)
    if left.number is not None or right.number is not None:
        raise ValueError(f"a sum with a number is not known; {SHAPES}")
    if left.by != right.by:
        raise ValueError(
            "adds up series of different labels, which Prometheus does not match, so that nothing is left; "
            "aggregate both by the same labels, as sum(...) + sum(...)"
        )
    return QuerySeries(left.source + right.source, left.by, zero=left.zero and right.zero)


def scaled(left: QuerySeries, right: QuerySeries, *, divide: bool) -> QuerySeries:
    """Times or divided by a number."""
    left, right = without_buckets(left), without_buckets(right)
    if left.number is not None and not divide:
        left, right = right, left
    if left.number is not None or right.number is None or right.number <= 0:
        word = "divided by" if divide else "times"
        raise ValueError(f"what is {word} anything but a number above 0 is not known; {SHAPES}")
    factor = 1 / right.number if divide else right.number
    return replace(left, source=tuple(replace(part, scale=part.scale * factor) for part in left.source))


def either(left: QuerySeries, right: QuerySeries, *, free: bool) -> QuerySeries:
    """`or`: with vector(0) a value where there are no data, with a metric of the same meaning that metric."""
    left, right = without_buckets(left), without_buckets(right)
    if right.zero and right.number == 0 and left.number is None:
        return replace(left, zero=True, extra=not free and left.by != frozenset())
    meanings = [[(part.name, part.over, part.scale, part.window) for part in side.source] for side in (left, right)]
    if left.number is None and right.number is None and left.by == right.by and meanings[0] == meanings[1]:
        return left
    raise ValueError(f"`or` with anything but vector(0) is not known; {SHAPES}")
