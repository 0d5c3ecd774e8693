"""PromQL queries of known shape as signals of the simulator: nothing is evaluated, everything else is refused.

Known: a metric, `sum|avg|max|min(...)` of it, one inside another, by labels or without some, `rate(...[w])` and
`increase(...[w])` of a counter, `avg_over_time(...[w])` of a gauge, `histogram_quantile` of a latency, sums of these,
each times or divided by a number, `or vector(0)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simcost.errors import did_you_mean
from simcost.plan.autoscaling.monitoring import LATENCIES, METRICS, Known, canonical, known
from simcost.plan.autoscaling.signals import Over, Signal, SignalName, Source
from simcost.scenario.manifests.quantities import go_duration

_PERCENTILES: dict[str, dict[float, SignalName]] = {
    "ttft": {0.5: "ttft_p50_s", 0.9: "ttft_p90_s", 0.95: "ttft_p95_s", 0.99: "ttft_p99_s"},
    "tpot": {0.5: "tpot_p50_s", 0.9: "tpot_p90_s", 0.95: "tpot_p95_s", 0.99: "tpot_p99_s"},
    "e2e": {0.5: "e2e_p50_s", 0.9: "e2e_p90_s", 0.95: "e2e_p95_s", 0.99: "e2e_p99_s"},
}
_OVER: dict[str, Over] = {"sum": "sum", "avg": "mean", "max": "max", "min": "min"}
_RANGES = ("rate", "increase", "avg_over_time")
_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_:][\w:]*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<labels>\{{(?:[^{{}}\"'`]|{_STRING})*\}})|(?P<window>\[[^\[\]]*\])|(?P<sign>[()+*/,-]))"
)
_REPLICA = frozenset(
    {"pod", "instance", "pod_name", "kubernetes_pod_name", "exported_pod", "exported_instance", "node", "hostname",
     "gpu", "uuid", "device", "replica"}
)  # fmt: skip
"""Labels that tell replicas apart."""
_DROPPED = frozenset({"pod", "instance"})
"""Labels without which all replicas are one series."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a query stands for."""

    source: Source
    labels: tuple[str, ...]
    """Label matchers and groupings, which are not simulated: the pool is all there is."""
    several: str = ""
    """Why it gives more than one series, so that KEDA fails; empty where it gives one."""
    zero: bool = False
    """Whether it is 0 where there are no data."""


@dataclass(frozen=True, slots=True)
class _Series:
    """What a part of a query gives: a number, buckets of a latency, or signals."""

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
    """Whether `or vector(0)` has added a series without labels to others."""

    @property
    def each(self) -> bool:
        """Whether there is one for each replica."""
        return self.by is None or any(label.lower() in _REPLICA for label in self.by)


def parse_promql(text: str) -> Query:
    """The signals of a query.

    Raises:
        ValueError: a shape or a metric that is not known; the message says what is.
    """
    parser = _Parser(_tokens(text))
    found = _signals(parser.either())
    if parser.tokens:
        raise ValueError(f"{parser.tokens[0][1]!r} is not understood here; {SHAPES}")
    if found.number is not None:
        raise ValueError(f"is the number {found.number:g}, whatever the load; {SHAPES}")
    several = "gives a series for each replica; write sum(...), or avg(...)" if found.each else ""
    if found.extra and not found.each:
        several = "gives the series of vector(0) beside one with labels; write `or on() vector(0)`"
    return Query(found.source, tuple(parser.labels), several, found.zero)


SHAPES = (
    "known are sum, avg, max, min of a known metric, rate(...[w]) of a known counter, histogram_quantile of a "
    "latency, sums of these, and `or vector(0)`"
)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:].strip()[:20]!r} is not understood; {SHAPES}")
        found.append((str(match.lastgroup), str(match[match.lastgroup or 0])))
        at = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.labels: list[str] = []

    def either(self) -> _Series:
        """Sums with `or` between them."""
        found = self.sum()
        while self.takes("or"):
            free = self.matching()
            found = _either(found, self.sum(), free=free)
        return found

    def matching(self) -> bool:
        """`on (...)` after an operator; True if by no label at all."""
        if self.takes("on"):
            return not self.names()
        return False

    def sum(self) -> _Series:
        """Terms with plus signs between them."""
        found = self.term()
        while self.tokens and self.tokens[0][1] in "+-":
            if self.take()[1] == "-":
                raise ValueError(f"a difference is not understood; {SHAPES}")
            found = _added(found, self.term())
        return found

    def term(self) -> _Series:
        """A metric times or divided by numbers."""
        found = self.metric()
        while self.tokens and self.tokens[0][1] in "*/":
            divide = self.take()[1] == "/"
            found = _scaled(found, self.metric(), divide=divide)
        return found

    def metric(self) -> _Series:
        """A number, a metric by itself, or in functions."""
        if self.takes("("):
            found = self.either()
            self.needs(")")
            return found
        kind, word = self.take()
        if kind == "number":
            return _Series(number=float(word))
        if kind != "name":
            raise ValueError(f"{word!r} stands where a metric is needed; {SHAPES}")
        called = bool(self.tokens) and (self.tokens[0][1] == "(" or self.tokens[0][1] in ("by", "without"))
        if called and word.lower() in _OVER:
            return self.aggregated(word.lower())
        if called:
            return self.function(word)
        return self.gauge(word)

    def function(self, word: str) -> _Series:
        """A function of known shape."""
        if word in _RANGES:
            return self.ranged(word)
        if word == "histogram_quantile":
            return self.quantile()
        if word != "vector":
            raise ValueError(f"{word}() is not known here; {SHAPES}")
        self.needs("(")
        kind, number = self.take()
        if kind != "number":
            raise ValueError(f"{number!r} stands where the number of vector() is needed; {SHAPES}")
        self.needs(")")
        return _Series(number=float(number), zero=float(number) == 0)

    def aggregated(self, word: str) -> _Series:
        """`sum by (pod) (...)`, `avg(...)`."""
        given = self.grouping()
        self.needs("(")
        inner = self.either()
        self.needs(")")
        without, labels = given or self.grouping() or (False, ())
        return _aggregated(word, inner, frozenset(labels), without=without)

    def grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        """`by (...)` or `without (...)`: whether it is the latter, and the labels."""
        if not self.tokens or self.tokens[0][1] not in ("by", "without"):
            return None
        word = self.take()[1]
        names = self.names()
        if kept := [name for name in names if name != "le"]:
            self.labels.append(f"{word} ({', '.join(kept)})")
        return word == "without", names

    def names(self) -> tuple[str, ...]:
        """`(a, b)`."""
        self.needs("(")
        found: list[str] = []
        while not self.takes(")"):
            kind, word = self.take()
            if kind == "name":
                found.append(word)
            elif word != ",":
                raise ValueError(f"{word!r} stands where a label is needed; {SHAPES}")
        return tuple(found)

    def ranged(self, word: str) -> _Series:
        """`rate(counter{...}[w])`."""
        self.needs("(")
        name = self.take()[1]
        self.label()
        window = self.take()[1] if self.tokens and self.tokens[0][0] == "window" else ""
        latency = LATENCIES.get(canonical(name), "")
        measured = None if latency else _known(name)
        counts = measured is None or measured.counter
        if counts and word == "avg_over_time":
            raise ValueError(f"{name} is a counter; write rate({name}[1m])")
        if not counts and word != "avg_over_time":
            raise ValueError(f"{name} is a gauge; take it without {word}()")
        if not window:
            raise ValueError(f"{name} has no window: write {word}(...[1m])")
        self.needs(")")
        window_s = go_duration(window.strip("[] "))
        if measured is None:
            return _Series(by=None, latency=canonical(name), window=window_s)
        scale = measured.scale * (window_s if word == "increase" else 1.0)
        return _gauge(measured._replace(scale=scale), name, window_s)

    def gauge(self, name: str) -> _Series:
        """`metric{...}`."""
        self.label()
        if canonical(name) in LATENCIES:
            return _Series(by=None, latency=canonical(name))
        measured = _known(name)
        if measured.counter:
            raise ValueError(f"{name} is a counter; write rate({name}[1m])")
        return _gauge(measured, name, 0.0)

    def quantile(self) -> _Series:
        """`histogram_quantile(0.95, sum by (le) (rate(latency_bucket[w])))`."""
        self.needs("(")
        share = float(self.take()[1]) if self.tokens and self.tokens[0][0] == "number" else 0.0
        self.needs(",")
        buckets = self.either()
        self.needs(")")
        table = _PERCENTILES[LATENCIES[buckets.latency]] if buckets.latency else {}
        if share not in table:
            raise ValueError(
                f"this quantile is not known; known are 0.5, 0.9, 0.95, 0.99 of {', '.join(LATENCIES)}"
            )
        if not buckets.window:
            raise ValueError(f"counts since the engines started; write rate({buckets.latency}[5m])")
        if buckets.each:
            raise ValueError(
                f"takes a quantile for each replica; write histogram_quantile({share:g}, sum by (le) "
                f"(rate({buckets.latency}[5m]))), that of the pool"
            )
        signal = Signal(name=table[share], over="mean", window=buckets.window, metric=buckets.latency)
        return _Series((signal,), buckets.by)

    def label(self) -> None:
        """`{...}`, remembered."""
        if self.tokens and self.tokens[0][0] == "labels":
            self.labels.append(self.take()[1])

    def take(self) -> tuple[str, str]:
        """The next token."""
        if not self.tokens:
            raise ValueError(f"the query ends too early; {SHAPES}")
        return self.tokens.pop(0)

    def takes(self, sign: str) -> bool:
        """True if the next token is this sign, which is then taken."""
        if self.tokens and self.tokens[0][1] == sign:
            self.take()
            return True
        return False

    def needs(self, sign: str) -> None:
        """The next token must be this sign."""
        if not self.takes(sign):
            here = self.tokens[0][1] if self.tokens else "the end"
            raise ValueError(f"{here!r} stands where {sign!r} is needed; {SHAPES}")


def _gauge(measured: Known, name: str, window_s: float) -> _Series:
    """A metric as it is scraped: one series for each replica."""
    signal = Signal(
        name=measured.signal, over=measured.over, window=window_s, scale=measured.scale, metric=name
    )
    return _Series((signal,), None)


def _signals(series: _Series) -> _Series:
    """The series, which must not be buckets of a histogram."""
    if series.latency:
        raise ValueError(
            f"{series.latency} is a histogram; write histogram_quantile(0.95, sum by (le) "
            f"(rate({series.latency}[5m])))"
        )
    return series


def _aggregated(word: str, inner: _Series, labels: frozenset[str], *, without: bool) -> _Series:
    """Replicas taken together, where the labels that tell them apart go; what is one series stays as it is."""
    if inner.number is not None:
        return inner
    if inner.latency:
        return _buckets(word, inner, labels, without=without)
    if without:
        dropped = labels >= _DROPPED if inner.by is None else False
        by = frozenset() if dropped else None if inner.by is None else inner.by - labels
    else:
        by = labels if inner.by is None else labels & inner.by
    found = replace(inner, by=by, extra=False)
    if inner.extra and word in ("avg", "min"):
        raise ValueError(
            f"{word} counts the 0 of vector(0) as one more replica; write {word}(...) or vector(0)"
        )
    if not inner.each or found.each:
        return found
    if word in ("max", "min") and len(inner.source) > 1:
        raise ValueError(f"{word} of a sum of metrics is not known, for one of them alone it is; {SHAPES}")
    return replace(found, source=tuple(replace(one, over=_OVER[word]) for one in inner.source))


def _buckets(word: str, inner: _Series, labels: frozenset[str], *, without: bool) -> _Series:
    """Buckets of several replicas as those of one."""
    if word != "sum" or ("le" in labels) == without:
        raise ValueError(f"the buckets of {inner.latency} are added up by sum by (le) (...); {SHAPES}")
    if without:
        return replace(inner, by=frozenset() if labels >= _DROPPED else inner.by)
    kept = labels - {"le"}
    return replace(inner, by=kept if inner.by is None else kept & inner.by)


def _added(one: _Series, other: _Series) -> _Series:
    """The sum of two, which must have the same labels for Prometheus to match them."""
    one, other = _signals(one), _signals(other)
    if one.number is not None or other.number is not None:
        raise ValueError(f"a sum with a number is not known; {SHAPES}")
    if one.by != other.by:
        raise ValueError(
            "adds up series of different labels, which Prometheus does not match, so that nothing is left; "
            "aggregate both by the same labels, as sum(...) + sum(...)"
        )
    return _Series(one.source + other.source, one.by, zero=one.zero and other.zero)


def _scaled(one: _Series, other: _Series, *, divide: bool) -> _Series:
    """Times or divided by a number."""
    one, other = _signals(one), _signals(other)
    if one.number is not None and not divide:
        one, other = other, one
    if one.number is not None or other.number is None or other.number <= 0:
        word = "divided by" if divide else "times"
        raise ValueError(f"what is {word} anything but a number above 0 is not known; {SHAPES}")
    factor = 1 / other.number if divide else other.number
    return replace(one, source=tuple(replace(part, scale=part.scale * factor) for part in one.source))


def _either(one: _Series, other: _Series, *, free: bool) -> _Series:
    """`or`: with vector(0) a value where there are no data, with a metric of the same meaning that metric."""
    one, other = _signals(one), _signals(other)
    if other.zero and other.number == 0 and one.number is None:
        return replace(one, zero=True, extra=not free and one.by != frozenset())
    meanings = [
        [(part.name, part.over, part.scale, part.window) for part in side.source] for side in (one, other)
    ]
    if one.number is None and other.number is None and one.by == other.by and meanings[0] == meanings[1]:
        return one
    raise ValueError(f"`or` with anything but vector(0) is not known; {SHAPES}")


def _known(name: str) -> Known:
    found = known(name)
    if found is not None:
        return found
    base = canonical(f"{name.rpartition('_')[0]}_bucket")
    if name.endswith(("_sum", "_count")) and base in LATENCIES:
        raise ValueError(
            f"{name!r} makes a mean, which is no signal of the simulator; write histogram_quantile(0.5, sum by (le) "
            f"(rate({base}[5m])))"
        )
    near = did_you_mean(name, list(METRICS)) or f"; known are {', '.join(METRICS)}"
    raise ValueError(f"{name!r} is no metric known here{near}")


def metric_source(name: str) -> Source:
    """The signal of a metric by its name; empty where it is not known."""
    found = known(name)
    if found is None:
        return ()
    return (Signal(name=found.signal, over=found.over, scale=found.scale, metric=name),)
