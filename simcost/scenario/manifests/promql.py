"""PromQL queries of known shape as signals of the simulator: nothing is evaluated, everything else is refused.

Known: a metric, `sum|avg|max|min(...)` of it, one inside another, by labels or without some, `rate(...[w])` and
`increase(...[w])` of a counter, `avg_over_time(...[w])` and `max_over_time(...[w])` of a gauge, `histogram_quantile` of
a latency, sums of these, each times or divided by a number, `or vector(0)`. Operators may be in capital letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from simcost.errors import did_you_mean
from simcost.plan.autoscaling.metric_adapter import LATENCIES, METRICS, Known, canonical, known
from simcost.plan.autoscaling.policy import Signal, SignalName, Source
from simcost.scenario.manifests.fields import ALIKE, go_duration
from simcost.scenario.manifests.promql_series import (
    OVER,
    SHAPES,
    QuerySeries,
    added,
    aggregated,
    either,
    gauge,
    highest,
    scaled,
    without_buckets,
)

_PERCENTILES: dict[str, dict[float, SignalName]] = {
    "ttft": {0.5: "ttft_p50_s", 0.9: "ttft_p90_s", 0.95: "ttft_p95_s", 0.99: "ttft_p99_s"},
    "tpot": {0.5: "tpot_p50_s", 0.9: "tpot_p90_s", 0.95: "tpot_p95_s", 0.99: "tpot_p99_s"},
    "e2e": {0.5: "e2e_p50_s", 0.9: "e2e_p90_s", 0.95: "e2e_p95_s", 0.99: "e2e_p99_s"},
}
_DEEPEST = 40
"""Levels of brackets in a query."""
_OF_GAUGES = ("avg_over_time", "max_over_time")
_RANGES = ("rate", "increase", *_OF_GAUGES)
_OPERATORS = ("or", "on", "by", "without")
_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_:][\w:]*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<labels>\{{(?:[^{{}}\"'`]|{_STRING})*\}})|(?P<window>\[[^\[\]]*\])|(?P<sign>[()+*/,-]))"
)


@dataclass(frozen=True, slots=True)
class Query:
    """Meaning of a query."""

    source: Source
    labels: tuple[str, ...]
    """Label matchers and groupings, which are not simulated: the pool is all there is."""
    several: str = ""
    """Reason why it gives more than one series, so that KEDA fails; empty where it gives one."""
    zero: bool = False
    """True if it is 0 where there are no data."""


def parse_promql(text: str) -> Query:
    """The signals of a query.

    Raises:
        ValueError: a shape or a metric that is not known; the message says what is.
    """
    parser = _Parser(_tokens(text))
    found = without_buckets(parser.either())
    if parser.tokens:
        raise ValueError(f"{parser.tokens[0][1]!r} is not understood here; {SHAPES}")
    if found.number is not None:
        raise ValueError(f"is the number {found.number:g}, whatever the load; {SHAPES}")
    several = "gives a series for each replica; write sum(...), or avg(...)" if found.each else ""
    if found.extra and not found.each:
        several = "gives the series of vector(0) in addition to one with labels; write `or on() vector(0)`"
    return Query(found.source, tuple(parser.labels), several, found.zero)


def _tokens(text: str) -> list[tuple[str, str]]:
    result, at, depth = [], 0, 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:].strip()[:20]!r} is not understood; {SHAPES}")
        word = str(match[match.lastgroup or 0])
        result.append((str(match.lastgroup), word.lower() if word.lower() in _OPERATORS else word))
        at = match.end()
        depth += (result[-1][1] == "(") - (result[-1][1] == ")")
        if depth > _DEEPEST:
            raise ValueError(f"is nested deeper than {_DEEPEST} levels; {SHAPES}")
    return result


class _Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.labels: list[str] = []

    def either(self) -> QuerySeries:
        """Sums with `or` between them."""
        result = self.sum()
        while self.takes("or"):
            free = self.matching()
            result = either(result, self.sum(), free=free)
        return result

    def matching(self) -> bool:
        """`on (...)` after an operator; True if by no label at all."""
        if self.takes("on"):
            return not self.names()
        return False

    def sum(self) -> QuerySeries:
        """Terms with plus signs between them."""
        result = self.term()
        while self.tokens and self.tokens[0][1] in "+-":
            if self.take()[1] == "-":
                raise ValueError(f"a difference is not understood; {SHAPES}")
            result = added(result, self.term())
        return result

    def term(self) -> QuerySeries:
        """A metric times or divided by numbers."""
        result = self.metric()
        while self.tokens and self.tokens[0][1] in "*/":
            divide = self.take()[1] == "/"
            result = scaled(result, self.metric(), divide=divide)
        return result

    def metric(self) -> QuerySeries:
        """A number, a metric by itself, or in functions."""
        if self.takes("("):
            result = self.either()
            self.needs(")")
            return result
        kind, word = self.take()
        if kind == "number":
            return QuerySeries(number=float(word))
        if kind != "name":
            raise ValueError(f"expected a metric, not {word!r}; {SHAPES}")
        called = bool(self.tokens) and (self.tokens[0][1] == "(" or self.tokens[0][1] in ("by", "without"))
        if called and word.lower() in OVER:
            return self.aggregated(word.lower())
        if called:
            return self.function(word)
        return self.gauge(word)

    def function(self, word: str) -> QuerySeries:
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
            raise ValueError(f"expected the number of vector(), not {number!r}; {SHAPES}")
        self.needs(")")
        return QuerySeries(number=float(number), zero=float(number) == 0)

    def aggregated(self, word: str) -> QuerySeries:
        """`sum by (pod) (...)`, `avg(...)`."""
        given = self.grouping()
        self.needs("(")
        inner = self.either()
        self.needs(")")
        without, labels = given or self.grouping() or (False, ())
        return aggregated(word, inner, frozenset(labels), without=without)

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
                raise ValueError(f"expected a label, not {word!r}; {SHAPES}")
        return tuple(found)

    def ranged(self, word: str) -> QuerySeries:
        """`rate(counter{...}[w])`."""
        self.needs("(")
        name = self.take()[1]
        self.label()
        window = self.take()[1] if self.tokens and self.tokens[0][0] == "window" else ""
        latency = LATENCIES.get(canonical(name), "")
        measured = None if latency else _known(name)
        counts = measured is None or measured.counter
        if counts and word in _OF_GAUGES:
            raise ValueError(f"{name} is a counter; write rate({name}[1m])")
        if not counts and word not in _OF_GAUGES:
            raise ValueError(f"{name} is a gauge; take it without {word}()")
        if word == "max_over_time" and measured is not None and measured.signal == "busy_fraction":
            raise ValueError(f"the maximum of {name} over time is not known here; write avg_over_time({name}[1m])")
        if not window:
            raise ValueError(f"{name} has no window: write {word}(...[1m])")
        self.needs(")")
        window_s = go_duration(window.strip("[] "))
        if measured is None:
            return QuerySeries(by=None, latency=canonical(name), window=window_s)
        scale = measured.scale * (window_s if word == "increase" else 1.0)
        found = gauge(measured._replace(scale=scale), name, window_s)
        return highest(found) if word == "max_over_time" else found

    def gauge(self, name: str) -> QuerySeries:
        """`metric{...}`."""
        self.label()
        if canonical(name) in LATENCIES:
            return QuerySeries(by=None, latency=canonical(name))
        measured = _known(name)
        if measured.counter:
            raise ValueError(f"{name} is a counter; write rate({name}[1m])")
        return gauge(measured, name, 0.0)

    def quantile(self) -> QuerySeries:
        """`histogram_quantile(0.95, sum by (le) (rate(latency_bucket[w])))`."""
        self.needs("(")
        share = float(self.take()[1]) if self.tokens and self.tokens[0][0] == "number" else 0.0
        self.needs(",")
        buckets = self.either()
        self.needs(")")
        table = _PERCENTILES[LATENCIES[buckets.latency]] if buckets.latency else {}
        if share not in table:
            raise ValueError(f"this quantile is not known; known are 0.5, 0.9, 0.95, 0.99 of {', '.join(LATENCIES)}")
        if not buckets.window:
            raise ValueError(f"counts since the engines started; write rate({buckets.latency}[5m])")
        if buckets.each:
            raise ValueError(
                f"takes a quantile for each replica; write histogram_quantile({share:g}, sum by (le) "
                f"(rate({buckets.latency}[5m]))), that of the pool"
            )
        signal = Signal(name=table[share], over="mean", window=buckets.window, metric=buckets.latency)
        return QuerySeries((signal,), buckets.by)

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
            raise ValueError(f"expected {sign!r}, not {here!r}; {SHAPES}")


def _known(name: str) -> Known:
    result = known(name)
    if result is not None:
        return result
    base = canonical(f"{name.rpartition('_')[0]}_bucket")
    if name.endswith(("_sum", "_count")) and base in LATENCIES:
        raise ValueError(
            f"{name!r} makes a mean, which is not a signal of the simulator; write histogram_quantile(0.5, sum by (le) "
            f"(rate({base}[5m])))"
        )
    near = did_you_mean(name, list(METRICS), ALIKE) or f"; known are {', '.join(METRICS)}"
    raise ValueError(f"{name!r} is not a metric known here{near}")


def metric_source(name: str) -> Source:
    """The signal of a metric by its name; empty where it is not known."""
    found = known(name)
    if found is None:
        return ()
    return (Signal(name=found.signal, over=found.over, scale=found.scale, metric=name),)
