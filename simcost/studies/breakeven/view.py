"""Per-token APIs and fleets, in the terminal."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from simcost.present.format import printable
from simcost.present.text_table import table
from simcost.studies.breakeven.study import format_tokens, rate, spread
from simcost.units import format_seconds, format_share, format_usd

Document = Mapping[str, Any]
WIDTH = 100
_COLUMNS = 5
_NAME = 30


def text(document: Document) -> str:
    """Layout of the document of `simcost api`."""
    parts = [fill(document["verdict"], WIDTH)]
    if "break_even" in document:
        parts += [_costs(document), _pairs(document), _service(document)]
    parts += [_apis(document), _points("Assumptions", document["assumptions"])]
    return "\n\n".join(part for part in parts if part)


def _costs(document: Document) -> str:
    """Options in rows, demands in columns."""
    shown = _spaced(document["demands"])
    head = ["$ per month (replicas)", *(f"x{one['scale']:.3g}" for one in shown)]
    rates = ["requests/s", *(f"{one['requests_per_s']:.3g}" for one in shown)]
    rows = [
        [_short(plan["name"]), *(_fleet(one["plans"][i]) for one in shown)] for i, plan in enumerate(shown[0]["plans"])
    ]
    rows += [
        [_short(api["name"]), *(format_usd(one["apis"][i]["usd_per_month"]["mean"]) for one in shown)]
        for i, api in enumerate(shown[0]["apis"])
    ]
    return table(head, [rates, *rows])


def _spaced(demands: Sequence[Document]) -> list[Document]:
    """The demands that fit, far from each other; always the first and the last."""
    shown = list(demands)
    while len(shown) > _COLUMNS:
        gaps = [shown[i + 1]["scale"] / shown[i - 1]["scale"] for i in range(1, len(shown) - 1)]
        del shown[1 + gaps.index(min(gaps))]
    return shown


def _fleet(plan: Document) -> str:
    if not plan["met"]:
        return "misses SLO"
    counts = plan["replicas"]
    many = f"{counts['lo']}-{counts['hi']}" if counts["lo"] < counts["hi"] else f"{counts['lo']}"
    return f"{format_usd(plan['usd_per_month']['mean'])} ({many})"


def _pairs(document: Document) -> str:
    rows = [[_short(one["plan"]), _short(one["api"]), *_from(document, one)] for one in document["break_even"]]
    return table(["fleet", "costs less than", "from", "tokens a month", "surely from"], rows, left=3)


def _from(document: Document, pair: Document) -> tuple[str, str, str]:
    at, sure = pair["requests_per_s"], pair["sure_from_requests_per_s"]
    if at is not None:
        return spread(at), format_tokens(pair["tokens_per_month"]["mean"]), f"{sure['hi']:.3g}/s"
    return _nowhere(document, pair), "-", "-"


def _nowhere(document: Document, pair: Document) -> str:
    """Reason why there is no break-even."""
    if pair["place"] is None:
        return "misses the SLO at any size tried"
    if pair["place"] == "fleet":
        return f"every demand from {rate(document['demands'][0]['requests_per_s'])}"
    if pair["crossed_in"]:
        return f"unsure: {pair['crossed_in']} of {document['replications']} runs cross"
    return f"never: x{pair['cost_ratio_at_largest']:.2g} at {rate(document['demands'][-1]['requests_per_s'])}"


def _service(document: Document) -> str:
    """Latency of the fleets at the demand of the scenario, and the known latency of the APIs."""
    here = min(document["demands"], key=lambda one: max(one["scale"], 1 / one["scale"]))
    rows = [
        [
            _short(plan["name"]),
            _known(plan["attainment"], format_share),
            _known(plan["ttft_p95_s"], format_seconds),
            _known(plan["tpot_p95_s"], format_seconds),
        ]
        for plan in here["plans"]
        if plan["met"]
    ]
    rows += [
        [_short(api["name"]), "not known", _stated(api, "ttft_p95_s"), _stated(api, "tpot_p95_s")]
        for api in document["apis"]
    ]
    end = "APIs: as you state it (ttft=, tpot= behind --api), else not known"
    head = [f"at {rate(here['requests_per_s'])}", "good requests", "TTFT p95", "TPOT p95"]
    return f"{table(head, rows)}\n{end}"


def _apis(document: Document) -> str:
    rows = [
        [
            _short(api["name"]),
            format_usd(api["usd_per_month"]),
            format_usd(api["usd_per_request"]),
            f"{api['usd_per_million_tokens']:.4g}",
            format_share(api["read_share"]),
            _main(api["usd_by_item"]),
        ]
        for api in document["apis"]
    ]
    count = document.get("requests_per_s")
    head = [
        "API" if count is None else f"API at {rate(count)}",
        "$ per month",
        "per request",
        "per 1M tokens",
        "cache hits",
        "most for",
    ]
    return table(head, rows)


def _main(usd: Mapping[str, float]) -> str:
    total = sum(usd.values())
    name = max(usd, key=lambda item: usd[item])
    return f"{name} {format_share(usd[name] / total)}" if total else "-"


def _known(value: float | None, show: Any) -> str:
    return "-" if value is None else str(show(value))


def _stated(api: Document, key: str) -> str:
    if api[key] is not None:
        return f"{format_seconds(api[key])} (stated)"
    return "within a day" if api["batch"] else "not known"


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _points(title: str, lines: Sequence[str]) -> str:
    points = [
        fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False) for line in lines
    ]
    return "\n".join([title, *points])
