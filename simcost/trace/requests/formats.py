"""Columns of request logs: the public formats, the generic ones, and the user's mapping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from shlex import quote
from typing import Any, Literal, cast

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.columns import other_unit
from simcost.tables.dates import TimeUnit
from simcost.tables.json_objects import Rows, one_row
from simcost.trace.requests.cached_tokens import spend_row
from simcost.trace.requests.column_words import alike, plain_name, sum_of_tokens
from simcost.trace.requests.failures import (
    GENERIC_RULES,
    LANGFUSE_RULES,
    LITELLM_RULES,
    SPAN_RULES,
    FailureRule,
)
from simcost.trace.requests.langfuse import observation_row
from simcost.trace.requests.otel import span_reader, span_rows

FormatName = Literal["azure-llm", "burstgpt", "mooncake", "csv", "jsonl", "parquet", "otel", "litellm", "langfuse"]
OURS = (
    "arrival",
    "prompt_tokens",
    "output_tokens",
    "model",
    "adapter",
    "tenant",
    "session",
    "priority",
    "prefix_hashes",
    "cached_tokens",
    "ttft_s",
    "ttft_ms",
    "first_token_at",
    "e2e_s",
    "e2e_ms",
    "end_at",
    "status",
)
"""Columns of a trace, and forms in which a log may have its latencies."""
NEEDED = OURS[:3]
LATENCIES = {"ttft_s": ("ttft_ms", "first_token_at"), "e2e_s": ("e2e_ms", "end_at")}
"""Latencies in seconds: what they are called in milliseconds, and the time at which they end."""
STATUS = "status"
"""Of generic logs: failed rows are left out by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFormat:
    """Format of one kind of log."""

    container: Literal["csv", "jsonl", "parquet"] | None
    """None: CSV, JSON or Parquet, whichever the first bytes show."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Ours -> theirs, the first that is there. Without an entry a column of our own name is taken."""
    unit: TimeUnit | None = None
    """Of numeric arrivals; None = found out by `cells.time_rule`."""
    block_tokens: int | None = None
    rows: Callable[[Mapping[str, Any]], Rows] = one_row
    """Requests of one JSON object."""
    reader: Callable[[], Callable[[Mapping[str, Any]], Rows]] | None = None
    """Of the objects of a file, where what one holds depends on those before it; None = `rows` of each."""
    rules: tuple[FailureRule, ...] = ()
    """Rows that are left out by a column."""
    thousands: str | None = None
    """Between thousands of token counts."""
    month_first: bool = False
    """Dates with AM or PM are those of US English."""
    utc: bool = False
    """Dates without a zone are UTC, as the software that writes them has it."""


FORMATS: Mapping[str, LogFormat] = {
    "azure-llm": LogFormat(
        utc=True,
        container="csv",
        columns={
            "arrival": ["TIMESTAMP"],
            "prompt_tokens": ["ContextTokens"],
            "output_tokens": ["GeneratedTokens"],
        },
    ),
    "burstgpt": LogFormat(
        container="csv",
        unit="s",
        columns={
            "arrival": ["Timestamp"],
            "prompt_tokens": ["Request tokens"],
            "output_tokens": ["Response tokens"],
            "model": ["Model"],
            "session": ["Session ID"],
            "e2e_s": ["Elapsed time"],
        },
    ),
    "mooncake": LogFormat(
        container="jsonl",
        unit="ms",
        block_tokens=512,
        columns={
            "arrival": ["timestamp"],
            "prompt_tokens": ["input_length"],
            "output_tokens": ["output_length"],
            "prefix_hashes": ["hash_ids"],
        },
    ),
    "csv": LogFormat(container="csv", rules=GENERIC_RULES),
    "jsonl": LogFormat(container="jsonl", rules=GENERIC_RULES),
    "parquet": LogFormat(container="parquet", rules=GENERIC_RULES),
    "otel": LogFormat(
        utc=True,
        container="jsonl",
        rows=span_rows,
        reader=span_reader,
        rules=SPAN_RULES,
        columns={
            "arrival": ["startTimeUnixNano", "start_time", "startTime"],
            "session": ["gen_ai.conversation.id"],
            "ttft_s": ["gen_ai.latency.time_to_first_token"],
            "e2e_s": ["gen_ai.latency.e2e"],
        },
    ),
    "litellm": LogFormat(
        utc=True,
        container=None,
        rows=spend_row,
        rules=LITELLM_RULES,
        columns={
            "arrival": ["startTime"],
            "prompt_tokens": ["prompt_tokens"],
            "output_tokens": ["completion_tokens"],
            "model": ["model"],
            "tenant": ["team_id"],
            "session": ["session_id"],
            "cached_tokens": ["cached_tokens", "metadata"],
            "first_token_at": ["completionStartTime"],
            "end_at": ["endTime"],
        },
    ),
    "langfuse": LogFormat(
        utc=True,
        container=None,
        rows=observation_row,
        rules=LANGFUSE_RULES,
        thousands=",",
        month_first=True,
        columns={
            "arrival": ["startTime", "start_time"],
            "prompt_tokens": ["inputUsage", "inputTokens", "promptTokens", "usage.input"],
            "output_tokens": ["outputUsage", "outputTokens", "completionTokens", "usage.output"],
            "model": ["model", "providedModelName", "provided_model_name"],
            "tenant": ["userId", "user_id"],
            "session": ["sessionId", "session_id"],
            "ttft_s": ["timeToFirstToken", "time_to_first_token"],
            "first_token_at": ["completionStartTime", "completion_start_time"],
            "e2e_s": ["latency"],
            "end_at": ["endTime", "end_time"],
        },
    ),
}

ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    "arrival": (
        "arrival_ns",
        "arrival_us",
        "arrival_ms",
        "arrival_s",
        "arrival_time",
        "timestamp",
        "time",
        "created_at",
        "start_time",
        "arrived_at",
    ),
    "prompt_tokens": (
        "contexttokens",
        "request tokens",
        "input_length",
        "input_tokens",
        "input_toks",
        "prompt_len",
        "prompt_length",
        "num_prompt_tokens",
        "num_prefill_tokens",
    ),
    "output_tokens": (
        "generatedtokens",
        "response tokens",
        "output_length",
        "completion_tokens",
        "output_toks",
        "generated_tokens",
        "output_len",
        "num_decode_tokens",
    ),
}
"""Names of the needed columns that are in use elsewhere, in lower case."""


class OtherFormatError(TraceError):
    """A log lacks columns of the format that it is read in, and has those of another."""

    def __init__(self, message: str, other: FormatName) -> None:
        super().__init__(message)
        self.other = other


def find_format(name: str) -> LogFormat:
    """The format of that name. Raises TraceError for an unknown one."""
    if name not in FORMATS:
        raise TraceError(f"unknown format {name!r}{did_you_mean(name, list(FORMATS))} (known: {', '.join(FORMATS)})")
    return FORMATS[name]


def find_columns(form: LogFormat, mapping: Mapping[str, str], present: Sequence[str], place: str) -> dict[str, str]:
    """Ours -> theirs for one log.

    Args:
        form: the format, whose columns the mapping overrides.
        mapping: the user's, ours -> theirs; also of a status, which `find_rules` takes.
        present: the columns of the log.
        place: the log, for messages.

    Raises:
        OtherFormatError: the log lacks columns that another format calls as this log does.
        TraceError: columns that are unknown, missing or there twice, all of them, with suggestions.
    """
    wanted = {ours: theirs for ours, theirs in columns_by_name(present).items() if ours not in form.columns}
    wanted |= {
        ours: next((name for name in names if name in present), names[0]) for ours, names in form.columns.items()
    }
    faults = [
        f"{ours!r} is not a known column{did_you_mean(ours, OURS)} (known: {', '.join(OURS)})"
        for ours in mapping
        if ours not in OURS
    ]
    for one_latency in ((seconds, *others) for seconds, others in LATENCIES.items()):
        if {*one_latency} & {*mapping}:  # the user's form of a latency stands alone
            wanted = {ours: theirs for ours, theirs in wanted.items() if ours not in one_latency}
    wanted |= {ours: theirs for ours, theirs in mapping.items() if ours in OURS}
    for seconds, (ms, _) in LATENCIES.items():
        theirs = mapping.get(seconds, "")
        in_ms = plain_name(theirs).endswith("ms")
        faults += other_unit(seconds, theirs, *([f"write --map {quote(f'{ms}={theirs}')}"] if in_ms else []))
    forms = [[name for name in (seconds, *others) if name in mapping] for seconds, others in LATENCIES.items()]
    faults += [f"both {names[0]} and {names[1]} are mapped; name one" for names in forms if len(names) > 1]
    missing = [_missing(ours, wanted.get(ours), present) for ours in NEEDED if wanted.get(ours) not in present]
    other = other_format(form, present) if missing else None
    if other is not None:
        faults.append(
            "these are OpenTelemetry spans; pass --format otel"
            if other == "otel"
            else f"these are columns of --format {other}; pass that"
        )
    faults += missing
    faults += [
        f"{ours}: no column {theirs!r}{did_you_mean(theirs, present)}"
        for ours, theirs in mapping.items()
        if ours in OURS[len(NEEDED) :] and theirs not in present
    ]
    used = {ours: theirs for ours, theirs in wanted.items() if theirs in present}
    faults += [f"column {theirs!r} is there twice" for theirs in used.values() if present.count(theirs) > 1]
    taken = [(one, two) for one, two in combinations(NEEDED, 2) if used.get(one, "") == used.get(two)]
    faults += [f"column {used[one]!r} is mapped to {one} and to {two}; name the column of each" for one, two in taken]
    if faults:
        message = f"{place}: {'; '.join(faults)}; {columns_said(present)}"
        raise TraceError(message) if other is None else OtherFormatError(message, other)
    return {ours: used[ours] for ours in OURS if ours in used}


def find_rules(form: LogFormat, mapping: Mapping[str, str]) -> dict[str, FailureRule]:
    """Keys of a chunk -> the rules of a format by their columns, of which the mapping may name the status."""
    return {
        f"rule {rule.column}": replace(rule, column=mapping.get(rule.column, rule.column))
        if rule.column == STATUS
        else rule
        for rule in form.rules
    }


def columns_by_name(present: Sequence[str]) -> dict[str, str]:
    """Columns that carry our own names; arrivals also `arrival_` and a unit, and the one nested field `model`."""
    found = {ours: ours for ours in OURS if ours in present}
    models = [name for name in present if name.endswith(".model")]
    if len(models) == 1:
        found.setdefault("model", models[0])
    for unit in ("ns", "us", "ms", "s"):
        if f"arrival_{unit}" in present:
            found.setdefault("arrival", f"arrival_{unit}")
    return found


_OF_SPANS = ("resourceSpans", "resource_spans", "scopeSpans")
"""Fields at the top of OTLP files."""


def format_by_columns(form: LogFormat, present: Sequence[str]) -> FormatName | None:
    """The format that a log with such columns is read in instead of a generic one; None = it has those of our names.

    >>> format_by_columns(FORMATS["csv"], ["TIMESTAMP", "ContextTokens", "GeneratedTokens"])
    'azure-llm'
    >>> format_by_columns(FORMATS["csv"], ["arrival", "prompt_tokens", "output_tokens"])
    """
    found = columns_by_name(present)
    return None if form.columns or all(ours in found for ours in NEEDED) else other_format(form, present)


def other_format(form: LogFormat, present: Sequence[str]) -> FormatName | None:
    """The first format in such a file whose needed columns are all there, or that of spans; None = there is none."""
    for name, other in FORMATS.items():
        fits = other.container in (None, form.container)
        if fits and all(set(other.columns.get(ours, ())) & set(present) for ours in NEEDED):
            return cast("FormatName", name)
    spans = form.container == "jsonl" and any(name in _OF_SPANS or "gen_ai." in name for name in present)
    return "otel" if spans else None


def _missing(ours: str, theirs: str | None, present: Sequence[str]) -> str:
    """Message about a needed column that is not there."""
    lower = {name.lower(): name for name in present}
    likely = next((lower[name] for name in ALSO_CALLED[ours] if name in lower), alike(ours, present))
    if likely is None and ours != "arrival" and (both := sum_of_tokens(present)) is not None:
        hint = f"; {both!r} counts prompt and output together: write their difference as a column, --map {ours}=COLUMN"
    elif likely is None:
        free = [name for name in present if not any(alike(other, [name]) for other in NEEDED if other != ours)]
        hint = did_you_mean(theirs or ours, free) or f"; pass --map {ours}=COLUMN"
    else:
        hint = (
            f"; did you mean --map {ours}={likely}?"
            if " " not in likely
            else f"; did you mean --map '{ours}={likely}'?"
        )
    return f"{ours}: no column {theirs or ours!r}{hint}"
