"""PromQL queries of known shape as signals of the simulator: nothing is evaluated, everything else is refused.

Known: a metric, `sum|avg|max|min(...)` of it, `rate(...[w])` of a counter, `histogram_quantile` of a latency, sums of
these, each times or divided by a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simcost.errors import did_you_mean
from simcost.plan.autoscaling.monitoring import METRICS, Known, known
from simcost.plan.autoscaling.signals import Over, Signal, SignalName, Source
from simcost.scenario.manifests.quantities import go_duration

_LATENCIES = {
    "vllm:time_to_first_token_seconds_bucket": "ttft",
    "vllm:inter_token_latency_seconds_bucket": "tpot",
    "vllm:time_per_output_token_seconds_bucket": "tpot",
    "vllm:e2e_request_latency_seconds_bucket": "e2e",
}
_PERCENTILES: dict[str, dict[float, SignalName]] = {
    "ttft": {0.5: "ttft_p50_s", 0.9: "ttft_p90_s", 0.95: "ttft_p95_s", 0.99: "ttft_p99_s"},
    "tpot": {0.5: "tpot_p50_s", 0.9: "tpot_p90_s", 0.95: "tpot_p95_s", 0.99: "tpot_p99_s"},
    "e2e": {0.5: "e2e_p50_s", 0.9: "e2e_p90_s", 0.95: "e2e_p95_s", 0.99: "e2e_p99_s"},
}
_OVER: dict[str, Over] = {"sum": "sum", "avg": "mean", "max": "max", "min": "min"}
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_:][\w:]*)|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?)|(?P<labels>\{[^{}]*\})"
    r"|(?P<window>\[[^\[\]]*\])|(?P<sign>[()+*/,]))"
)


@dataclass(frozen=True, slots=True)
class Query:
    """What a query stands for."""

    source: Source
    labels: tuple[str, ...]
    """Label matchers, which are not simulated: the pool is all there is."""


def parse_promql(text: str) -> Query:
    """The signals of a query.

    Raises:
        ValueError: a shape or a metric that is not known; the message says what is.
    """
    parser = _Parser(_tokens(text))
    source = parser.sum()
    if parser.tokens:
        raise ValueError(f"{parser.tokens[0][1]!r} is not understood here; {SHAPES}")
    return Query(source, tuple(parser.labels))


SHAPES = (
    "known are sum, avg, max, min of a known metric, rate(...[w]) of a known counter, histogram_quantile of a "
    "latency, and sums of these"
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

    def sum(self) -> Source:
        """Terms with plus signs between them."""
        source = self.term()
        while self.takes("+"):
            source += self.term()
        return source

    def term(self) -> Source:
        """A metric times or divided by numbers."""
        source = self.metric()
        while self.tokens and self.tokens[0][1] in "*/":
            divide = self.take()[1] == "/"
            kind, word = self.take()
            if kind != "number" or not float(word):
                raise ValueError(f"{word!r} stands where a number is needed; {SHAPES}")
            factor = 1 / float(word) if divide else float(word)
            source = tuple(replace(one, scale=one.scale * factor) for one in source)
        return source

    def metric(self) -> Source:
        """A metric by itself, or in functions."""
        if self.takes("("):
            source = self.sum()
            self.needs(")")
            return source
        kind, word = self.take()
        if kind != "name":
            raise ValueError(f"{word!r} stands where a metric is needed; {SHAPES}")
        if word in _OVER:
            return self.aggregated(word)
        if word in ("rate", "irate", "increase"):
            return (self.rated(word),)
        if word == "histogram_quantile":
            return (self.quantile(),)
        return (self.gauge(word),)

    def aggregated(self, word: str) -> Source:
        """`sum by (pod) (...)`, `avg(...)`."""
        self.grouping()
        self.needs("(")
        inner = self.sum()
        self.needs(")")
        self.grouping()
        return tuple(replace(one, over=_OVER[word]) for one in inner)

    def grouping(self) -> None:
        """`by (...)`, which does not matter for one pool."""
        if self.tokens and self.tokens[0][1] in ("by", "without"):
            self.take()
            self.needs("(")
            while not self.takes(")"):
                self.take()

    def rated(self, word: str) -> Signal:
        """`rate(counter{...}[w])`."""
        self.needs("(")
        name = self.take()[1]
        self.label()
        window = self.take()[1] if self.tokens and self.tokens[0][0] == "window" else ""
        measured = _known(name)
        if word != "rate":
            raise ValueError(f"{word}() is not known; write rate({name}[w])")
        if not window or not measured.counter:
            why = (
                "has no window: write rate(...[1m])"
                if measured.counter
                else "is a gauge; take it without rate()"
            )
            raise ValueError(f"{name} {why}")
        self.needs(")")
        window_s = go_duration(window.strip("[] "))
        return Signal(
            name=measured.signal, over=measured.over, window=window_s, scale=measured.scale, metric=name
        )

    def gauge(self, name: str) -> Signal:
        """`metric{...}`."""
        measured = _known(name)
        self.label()
        if measured.counter:
            raise ValueError(f"{name} is a counter; write rate({name}[1m])")
        return Signal(name=measured.signal, over=measured.over, scale=measured.scale, metric=name)

    def quantile(self) -> Signal:
        """`histogram_quantile(0.95, sum by (le) (rate(latency_bucket[w])))`."""
        self.needs("(")
        share = float(self.take()[1]) if self.tokens and self.tokens[0][0] == "number" else 0.0
        self.needs(",")
        names = [word for kind, word in self.tokens if kind == "name" and word in _LATENCIES]
        windows = [word for kind, word in self.tokens if kind == "window"]
        table = _PERCENTILES[_LATENCIES[names[0]]] if names else {}
        if share not in table or len(windows) != 1:
            raise ValueError(
                f"this quantile is not known; known are 0.5, 0.9, 0.95, 0.99 of {', '.join(_LATENCIES)}"
            )
        depth = 1
        while depth and self.tokens:
            word = self.take()[1]
            depth += (word == "(") - (word == ")")
        return Signal(
            name=table[share], over="mean", window=go_duration(windows[0].strip("[] ")), metric=names[0]
        )

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
        """Whether the next token is this sign, which is then taken."""
        if self.tokens and self.tokens[0][1] == sign:
            self.take()
            return True
        return False

    def needs(self, sign: str) -> None:
        """The next token must be this sign."""
        if not self.takes(sign):
            here = self.tokens[0][1] if self.tokens else "the end"
            raise ValueError(f"{here!r} stands where {sign!r} is needed; {SHAPES}")


def _known(name: str) -> Known:
    found = known(name)
    if found is None:
        near = did_you_mean(name, list(METRICS)) or f"; known are {', '.join(METRICS)}"
        raise ValueError(f"{name!r} is no metric known here{near}")
    return found


def metric_source(name: str) -> Source:
    """The signal of a metric by its name; empty where it is not known."""
    found = known(name)
    if found is None:
        return ()
    return (Signal(name=found.signal, over=found.over, scale=found.scale, metric=name),)
