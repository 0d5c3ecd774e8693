"""Which column of a log is which of ours: the public formats, the generic ones, and the user's mapping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.trace.log.cells import TimeUnit

FormatName = Literal["azure-llm", "burstgpt", "mooncake", "csv", "parquet"]
OURS = (
    "arrival",
    "prompt_tokens",
    "output_tokens",
    "model",
    "tenant",
    "session",
    "priority",
    "prefix_hashes",
)
NEEDED = OURS[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How one kind of log is written."""

    container: Literal["csv", "jsonl", "parquet"]
    columns: Mapping[str, str] = field(default_factory=dict)
    """Ours -> theirs. Without an entry a column of our own name is taken, where there is one."""
    unit: TimeUnit | None = None
    """Of numeric arrivals; None = found out by `cells.time_rule`."""
    block_tokens: int | None = None
    failed_without_output: bool = False
    """A request without output tokens failed, by the publisher's word; it is dropped."""


FORMATS: Mapping[str, Format] = {
    "azure-llm": Format(container="csv", columns={
        "arrival": "TIMESTAMP", "prompt_tokens": "ContextTokens", "output_tokens": "GeneratedTokens"}),
    "burstgpt": Format(container="csv", unit="s", failed_without_output=True, columns={
        "arrival": "Timestamp", "prompt_tokens": "Request tokens", "output_tokens": "Response tokens",
        "model": "Model", "session": "Session ID"}),
    "mooncake": Format(container="jsonl", unit="ms", block_tokens=512, columns={
        "arrival": "timestamp", "prompt_tokens": "input_length", "output_tokens": "output_length",
        "prefix_hashes": "hash_ids"}),
    "csv": Format(container="csv"),
    "parquet": Format(container="parquet"),
}  # fmt: skip

_ALSO_CALLED = {
    "arrival": ("arrival_ns", "arrival_us", "arrival_ms", "arrival_s", "arrival_time", "timestamp", "time",
                "created_at", "start_time", "arrived_at"),
    "prompt_tokens": ("contexttokens", "request tokens", "input_length", "input_tokens", "input_toks",
                      "prompt_len", "prompt_length", "num_prompt_tokens", "num_prefill_tokens"),
    "output_tokens": ("generatedtokens", "response tokens", "output_length", "completion_tokens",
                      "output_toks", "generated_tokens", "output_len", "num_decode_tokens"),
}  # fmt: skip


def find_format(name: str) -> Format:
    """The format of that name. Raises TraceError for an unknown one."""
    if name not in FORMATS:
        raise TraceError(f"unknown format {name!r}{did_you_mean(name, list(FORMATS))} "
                         f"(known: {', '.join(FORMATS)})")  # fmt: skip
    return FORMATS[name]


def find_columns(
    form: Format, mapping: Mapping[str, str], present: Sequence[str], place: str
) -> dict[str, str]:
    """Ours -> theirs for one log.

    Args:
        form: the format, whose columns the mapping overrides.
        mapping: the user's, ours -> theirs.
        present: the columns of the log.
        place: the log, for messages.

    Raises:
        TraceError: columns that are unknown, missing or there twice, all of them, with suggestions.
    """
    wanted = {ours: theirs for ours, theirs in _by_name(present).items() if ours not in form.columns}
    wanted |= form.columns
    faults = [f"{ours!r} is no column of ours{did_you_mean(ours, OURS)} (known: {', '.join(OURS)})"
              for ours in mapping if ours not in OURS]  # fmt: skip
    wanted |= {ours: theirs for ours, theirs in mapping.items() if ours in OURS}
    faults += [
        _missing(ours, wanted.get(ours), present) for ours in NEEDED if wanted.get(ours) not in present
    ]
    faults += [f"{ours}: no column {theirs!r}{did_you_mean(theirs, present)}"
               for ours, theirs in mapping.items() if ours in OURS[3:] and theirs not in present]  # fmt: skip
    used = {ours: theirs for ours, theirs in wanted.items() if theirs in present}
    faults += [f"column {theirs!r} is there twice" for theirs in used.values() if present.count(theirs) > 1]
    if faults:
        raise TraceError(f"{place}: {'; '.join(faults)}; {columns_said(present)}")
    return {ours: used[ours] for ours in OURS if ours in used}


def _by_name(present: Sequence[str]) -> dict[str, str]:
    """Columns that carry our own names; arrivals also `arrival_` and a unit."""
    found = {ours: ours for ours in OURS if ours in present}
    for unit in ("ns", "us", "ms", "s"):
        if f"arrival_{unit}" in present:
            found.setdefault("arrival", f"arrival_{unit}")
    return found


def _missing(ours: str, theirs: str | None, present: Sequence[str]) -> str:
    """What to say of a needed column that is not there."""
    lower = {name.lower(): name for name in present}
    likely = next((lower[name] for name in _ALSO_CALLED[ours] if name in lower), None)
    if likely is None:
        hint = did_you_mean(theirs or ours, present) or f"; say which it is: --map {ours}=COLUMN"
    else:
        hint = f"; did you mean --map {ours}={likely}?" if " " not in likely else \
            f"; did you mean --map '{ours}={likely}'?"  # fmt: skip
    return f"{ours}: no column {theirs or ours!r}{hint}"
