"""Result of an import, description of a trace, result of a synthesis: in the terminal."""

from collections.abc import Mapping
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_count, format_seconds, format_share

_BARS = 48
_MODELS = 5


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `trace import`, `trace describe` or `trace synthesize`."""
    parts = [_title(document)]
    if "dropped" in document:
        parts.append(f"dropped {format_count(document['dropped'])}, repaired {format_count(document['repaired'])}")
    if "prompt_tokens" in document:
        parts += [_arrivals(document), _tokens(document), _hours(document["rate_per_hour"])]
    if cut := {name: count for name, count in document.get("cut", {}).items() if count}:
        parts.append(
            ", ".join(f"{format_count(count)} {name}s" for name, count in cut.items()) + " cut at a context limit"
        )
    parts += [f"note: {finding['message']}" for finding in document.get("findings", ())]
    return "\n".join(part for part in parts if part)


def _title(document: Mapping[str, Any]) -> str:
    start = f", from {document['start_utc']}" if document.get("start_utc") else ""
    return (
        f"{document['file']}: {format_count(document['rows'])} requests in {format_seconds(document['span_s'])}{start}"
    )


def _arrivals(document: Mapping[str, Any]) -> str:
    lines = [
        f"rate {_number(document['rate_per_s'])} requests/s; interarrival CV {_number(document['cv'])} (Poisson: 1)"
    ]
    spread = ", ".join(f"{_number(value)} at {width}" for width, value in document["dispersion"].items())
    lines.append(f"index of dispersion of counts: {spread} (Poisson: 1)")
    if document["prefix_reuse"] is not None:
        lines.append(
            f"prompt blocks seen before: {format_share(document['prefix_reuse'])} "
            f"(blocks of {document['block_tokens']} tokens)"
        )
    if models := document.get("models"):
        shown = ", ".join(f"{name} ({format_count(count)})" for name, count in list(models.items())[:_MODELS])
        lines.append(f"models: {shown}" + (f" and {len(models) - _MODELS} more" if len(models) > _MODELS else ""))
    return "\n".join(lines)


def _tokens(document: Mapping[str, Any]) -> str:
    names = ("mean", "p5", "p50", "p95", "p99", "max", "total")
    rows = [
        [title, *(format_count(document[key][name]) for name in names)]
        for title, key in (("prompt", "prompt_tokens"), ("output", "output_tokens"))
    ]
    return "\n" + table(["tokens", *names], rows) + "\n"


def _hours(rates: list[float]) -> str:
    """Requests per hour as bars; of a long trace the first two days."""
    shown, most = rates[:_BARS], max(rates, default=0.0)
    if len(shown) < 2 or most == 0:
        return ""
    rows = [[str(hour), format_count(rate), f"{'#' * round(30 * rate / most):<30}"] for hour, rate in enumerate(shown)]
    more = f"\n... and {len(rates) - len(shown)} hours more" if len(rates) > len(shown) else ""
    return table(["hour", "requests/h", ""], rows, left=0) + more + "\n"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
