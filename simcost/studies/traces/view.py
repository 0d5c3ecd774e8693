"""An import, the description of a trace, a synthesis, as parts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simcost.present.format import amount, count, moment, seconds, share
from simcost.present.parts import Part, Table, notes
from simcost.studies.traces import charts
from simcost.units import plural

Document = Mapping[str, Any]
_HOURS = 48
_LABELS = 5


def parts(document: Document) -> list[Part]:
    """The parts of `trace import`, `trace describe` or `trace synthesize`."""
    cut = [f"{count(rows)} {name}s" for name, rows in document.get("cut", {}).items() if rows]
    return [
        Part(title="Trace", titled=False, said=list(_title(document))),
        *(_described(document) if "prompt_tokens" in document else []),
        notes(document, *([f"{', '.join(cut)} cut at a context limit"] if cut else [])),
    ]


def _described(document: Document) -> list[Part]:
    return [
        Part(title="Arrivals", titled=False, said=list(_arrivals(document)), chart=_over_time(document)),
        Part(title="Tokens", titled=False, rows=tokens(document), chart=lambda: charts.tokens(document)),
        Part(title="Latencies", titled=False, rows=latencies(document)),
        Part(title="Hours", titled=False, rows=hours(document), left=0, most=_HOURS, bar="requests/h", closed=True),
    ]


def _over_time(document: Document) -> Callable[[], Any] | None:
    """The chart of requests over time; None where a trace has no two steps."""
    return (lambda: charts.requests_over_time(document)) if len(document["over_time"]["rate_per_s"]) > 1 else None


def verdict(document: Document) -> str:
    """Sentence on the number of requests and their time."""
    start = f", from {moment(document['start_utc'])}" if document.get("start_utc") else ""
    return f"{document['file']}: {plural(document['rows'], 'request')} in {seconds(document['span_s'])}{start}"


def _title(document: Document) -> Iterator[str]:
    if "verdict" not in document:
        yield verdict(document)
    if "dropped" in document:
        yield f"dropped {count(document['dropped'])}, repaired {count(document['repaired'])}"


def _arrivals(document: Document) -> Iterator[str]:
    yield f"rate {amount(document['rate_per_s'])} requests/s; interarrival CV {amount(document['cv'])} (Poisson: 1)"
    spread = ", ".join(f"{amount(value)} at {width}" for width, value in document["dispersion"].items())
    yield f"index of dispersion of counts: {spread} (Poisson: 1)"
    if document["cached_tokens"] is not None:
        counted = document["cached_tokens"]
        of = "" if counted["known"] == document["rows"] else f" of {plural(counted['known'], 'request')}"
        yield f"prompt tokens read from a cache, as the log counts them: {share(counted['share'])}{of}"
    if document["prefix_reuse"] is not None:
        reused = share(document["prefix_reuse"])
        yield f"prompt blocks seen before: {reused} (blocks of {document['block_tokens']} tokens)"
    if models := document.get("models"):
        yield f"models: {_most_frequent(models, len(models))}"
    for name, found in document["labels"].items():
        if name == "session":
            each = amount(found["known"] / found["distinct"])
            yield f"sessions: {count(found['distinct'])}, {each} requests each on average"
        else:
            yield f"{name}s: {_most_frequent(found['requests'], found['distinct'])}"


def _most_frequent(requests: Mapping[str, int], of: int) -> str:
    """The labels with the most requests, of so many."""
    shown = ", ".join(f"{name} ({count(rows)})" for name, rows in list(requests.items())[:_LABELS])
    return shown + (f" and {count(of - _LABELS)} more" if of > _LABELS else "")


def hours(document: Document) -> Table:
    """Requests of each hour, where there are several."""
    rates = document["rate_per_hour"]
    if len(rates) < 2 or not any(rates):
        return []
    return [{"hour": count(hour), "requests/h": count(rate)} for hour, rate in enumerate(rates)]


def latencies(document: Document) -> Table:
    """Latencies that the log has: requests with one, mean, percentiles."""
    titles = {"ttft_s": "TTFT", "e2e_s": "E2E"}
    return [
        {"latency": titles[name], "requests": count(found["known"])}
        | {column: seconds(found[column]) for column in ("mean", "p5", "p50", "p95", "p99", "max")}
        for name, found in document["latencies"].items()
    ]


def tokens(document: Document) -> Table:
    """Prompts and outputs: mean, percentiles, total."""
    names = ("mean", "p5", "p50", "p95", "p99", "max", "total")
    return [
        {"tokens": title, **{name: count(document[key][name]) for name in names}}
        for title, key in (("prompt", "prompt_tokens"), ("output", "output_tokens"))
    ]
