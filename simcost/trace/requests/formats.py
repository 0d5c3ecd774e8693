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
from simcost.trace.requests.cached_tokens import counted_apart, spend_row
from simcost.trace.requests.column_words import alike, counts_other_units, plain_name, says_tokens, sum_of_tokens
from simcost.trace.requests.failures import (
    BEDROCK_RULES,
    GENERIC_RULES,
    LANGFUSE_RULES,
    LANGSMITH_RULES,
    LITELLM_RULES,
    SPAN_RULES,
    FailureRule,
    status_rule,
)
from simcost.trace.requests.langfuse import invocation_row, observation_row, run_row
from simcost.trace.requests.otel import span_rows
from simcost.trace.requests.store import MAX_TOKENS

FormatName = Literal[
    "azure-llm",
    "burstgpt",
    "mooncake",
    "csv",
    "jsonl",
    "parquet",
    "otel",
    "litellm",
    "langfuse",
    "langsmith",
    "bedrock",
    "helicone",
]
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
PLUS = "+"
"""Before the numbers of columns that are added to a count, in the keys of a chunk."""
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
    known_by: tuple[str, ...] = ()
    """Columns that no other log has: one that has all of these is read in this format."""
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
        rules=SPAN_RULES,
        columns={
            "arrival": ["startTimeUnixNano", "start_time", "startTime"],
            "session": ["gen_ai.conversation.id"],
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
            "cached_tokens": ["cached_tokens", "usageDetails", "usage_details"],
            "ttft_s": ["timeToFirstToken", "time_to_first_token"],
            "first_token_at": ["completionStartTime", "completion_start_time"],
            "e2e_s": ["latency"],
            "end_at": ["endTime", "end_time"],
        },
    ),
    "langsmith": LogFormat(
        utc=True,
        container=None,
        rows=run_row,
        rules=LANGSMITH_RULES,
        known_by=("run_type", "start_time"),
        columns={
            "arrival": ["start_time"],
            "prompt_tokens": ["prompt_tokens"],
            "output_tokens": ["completion_tokens"],
            "model": ["model"],
            "session": ["thread_id", "extra.metadata.thread_id", "extra.metadata.session_id"],
            "cached_tokens": ["cached_tokens", "prompt_token_details.cache_read", "prompt_token_details"],
            "first_token_at": ["first_token_time"],
            "end_at": ["end_time"],
        },
    ),
    "bedrock": LogFormat(
        utc=True,
        container="jsonl",
        rows=invocation_row,
        rules=BEDROCK_RULES,
        known_by=("modelId", "input.inputTokenCount"),
        columns={
            "arrival": ["timestamp"],
            "prompt_tokens": ["input.inputTokenCount"],
            "output_tokens": ["output.outputTokenCount"],
            "model": ["modelId"],
            "tenant": ["identity.arn"],
            "e2e_ms": ["output.outputBodyJson.metrics.latencyMs"],
        },
    ),
    "helicone": LogFormat(
        utc=True,
        container=None,
        rules=(status_rule("response_status"),),
        columns={
            "arrival": ["request_created_at"],
            "prompt_tokens": ["prompt_tokens"],
            "output_tokens": ["completion_tokens"],
            "model": ["model", "response_model", "request_model"],
            "tenant": ["request_user_id"],
            "ttft_ms": ["time_to_first_token"],
            "e2e_ms": ["delay_ms", "latency"],
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
        "native_tokens_prompt",
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
        "native_tokens_completion",
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
    added, wanted = _added(wanted, present)
    for seconds, (ms, _) in LATENCIES.items():
        theirs = mapping.get(seconds, "")
        in_ms = plain_name(theirs).endswith("ms")
        faults += other_unit(seconds, theirs, *([f"write --map {quote(f'{ms}={theirs}')}"] if in_ms else []))
    forms = [[name for name in (seconds, *others) if name in mapping] for seconds, others in LATENCIES.items()]
    faults += [f"both {names[0]} and {names[1]} are mapped; name one" for names in forms if len(names) > 1]
    lengths = stated_lengths(mapping, present)
    absent = [ours for ours in NEEDED if wanted.get(ours) not in present and ours not in lengths]
    other = other_format(form, present) if absent else None
    uncounted = other is None and _no_lengths(absent, mapping, present)
    missing = [_arrivals_only(absent, present)] if uncounted else [_missing(o, wanted.get(o), present) for o in absent]
    faults += [
        f"{ours} counts tokens, and {wanted[ours]} does not, by its name; map the column that does"
        for ours in NEEDED[1:]
        if ours in mapping and ours not in lengths and counts_other_units(wanted.get(ours, ""))
    ]
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
    for ours in NEEDED[1:]:
        if ours in used:
            apart, cached = counted_apart(used[ours], present)
            added.setdefault(ours, apart)
            if cached is not None and "cached_tokens" not in used:
                used["cached_tokens"] = cached
    parts = {f"{ours} {PLUS}{i}": name for ours, names in added.items() for i, name in enumerate(names)}
    return {ours: used[ours] for ours in OURS if ours in used} | parts


def _added(wanted: dict[str, str], present: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Columns that are added to a count, `a+b+c` of the mapping, and the columns wanted without them."""
    sums = {ours: text.split("+") for ours, text in wanted.items() if ours in NEEDED[1:] and text not in present}
    sums = {ours: names for ours, names in sums.items() if len(names) > 1 and set(names) <= set(present)}
    return {ours: names[1:] for ours, names in sums.items()}, wanted | {ours: n[0] for ours, n in sums.items()}


def stated_lengths(mapping: Mapping[str, str], present: Sequence[str]) -> dict[str, int]:
    """Tokens of every prompt or output that the mapping states as a number, as `prompt_tokens=900`."""
    stated = {ours: text for ours, text in mapping.items() if ours in NEEDED[1:] and text not in present}
    return {ours: int(text) for ours, text in stated.items() if text.isdecimal() and 0 < int(text) <= MAX_TOKENS}


def _no_lengths(absent: Sequence[str], mapping: Mapping[str, str], present: Sequence[str]) -> bool:
    """True if a log has no column that may count tokens of any side, and none was named."""
    sides = NEEDED[1:]
    if not {*sides} <= {*absent} or {*sides} & {*mapping} or sum_of_tokens(present) is not None:
        return False
    return not any(likely_column(ours, present) for ours in sides)


def _arrivals_only(absent: Sequence[str], present: Sequence[str]) -> str:
    """Message about a log without any count of tokens: all that is missing, and how to state lengths."""
    arrival = ""
    if "arrival" in absent:
        likely = likely_column("arrival", present) or "COLUMN"
        arrival = f"arrival={likely if ' ' not in likely else quote(likely)},"
    sizes = ("bytes", "chars", "characters", "length")
    others = [name for name in present if counts_other_units(name) and plain_name(name).endswith(sizes)][:3]
    units = f" ({' and '.join(others)} {'are' if len(others) > 1 else 'is'} in other units)" if others else ""
    return (
        f"no column counts tokens{units}, so prompt_tokens and output_tokens are missing"
        f"{' and no column is called arrival' if arrival else ''}. If the log has them under other names, pass --map "
        f"{arrival}prompt_tokens=COLUMN,output_tokens=COLUMN. If it has arrivals only, state the tokens of every "
        f"request, e.g. --map {arrival}prompt_tokens=900,output_tokens=200, or draw them: a synthetic workload takes "
        "`rate` and `lengths`"
    )


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


def known_format(form: LogFormat, present: Sequence[str]) -> FormatName | None:
    """The format that a log in a generic one is certainly of, by columns that no other log has."""
    for name, other in FORMATS.items():
        fits = not form.columns and other.container in (None, form.container)
        if fits and other.known_by and {*other.known_by} <= {*present}:
            return cast("FormatName", name)
    return None


def other_format(form: LogFormat, present: Sequence[str]) -> FormatName | None:
    """The first format in such a file whose needed columns are all there, or that of spans; None = there is none."""
    if (known := known_format(form, present)) is not None:
        return known
    for name, other in FORMATS.items():
        fits = other.container in (None, form.container)
        if fits and all(set(other.columns.get(ours, ())) & set(present) for ours in NEEDED):
            return cast("FormatName", name)
    spans = form.container == "jsonl" and any(name in _OF_SPANS or "gen_ai." in name for name in present)
    return "otel" if spans else None


def likely_column(ours: str, present: Sequence[str]) -> str | None:
    """The column that is probably ours, by names in use elsewhere or by the words of its name."""
    lower = {name.lower(): name for name in reversed(present)}
    called = next((lower[name] for name in ALSO_CALLED[ours] if name in lower), None)
    found = alike(ours, present)
    if called is None or (found is not None and says_tokens(found) and not says_tokens(called)):
        return found
    return called


def _missing(ours: str, theirs: str | None, present: Sequence[str]) -> str:
    """Message about a needed column that is not there."""
    likely = likely_column(ours, present)
    if likely is None and ours != "arrival" and (both := sum_of_tokens(present)) is not None:
        hint = f"; {both!r} counts prompt and output together: write their difference as a column, --map {ours}=COLUMN"
    elif likely is None:
        free = [name for name in present if not any(alike(other, [name]) for other in NEEDED if other != ours)]
        free = free if ours == "arrival" else [name for name in free if not counts_other_units(name)]
        stated = "" if ours == "arrival" else f", or state it for all requests, e.g. --map {ours}=200"
        hint = did_you_mean(theirs or ours, free) or f"; pass --map {ours}=COLUMN{stated}"
    else:
        hint = (
            f"; did you mean --map {ours}={likely}?"
            if " " not in likely
            else f"; did you mean --map '{ours}={likely}'?"
        )
    return f"{ours}: no column {theirs or ours!r}{hint}"
