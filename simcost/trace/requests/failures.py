"""Rows that no model served, by a column: failed, answered from a cache, another operation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags, as_text

_FAILED = (
    r"(?i)^\s*((http)?[ _/]*[45]\d\d(\.0*)?|fail(ed|ure)?|error(ed)?|exception|rejected|denied|abort(ed)?|"
    r"cancell?ed|time[ _-]?d?[ _-]?out|rate[ _-]?limited|status(_code)?_error|fatal|critical)\s*$"
)
_SERVED = (
    r"(?i)^\s*([1-3]\d\d(\.0*)?|0|1|ok|success(ful)?|succeeded|completed?|done|finished|served|stop|length|unset|"
    r"status(_code)?_(ok|unset))?\s*$"
)
_ERROR_LEVEL = r"(?i)^\s*(error|fatal|critical|alert|emergency|emerg)\s*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """Rows left out by a column; a log without the column has none of them.

    Attributes:
        column: of the log.
        reason: under which they are counted.
        left_out: pattern of the values that are left out; None = all but those in `kept`.
        kept: pattern of the values that are known to be served; others are kept, but reported.
    """

    column: str
    reason: str
    left_out: str | None = None
    kept: str | None = None

    def hits(self, column: pa.Array) -> Flags:
        """Rows to leave out."""
        text = pc.fill_null(as_text(column), "")
        if self.left_out is not None:
            return _flags(pc.match_substring_regex(text, self.left_out))
        return ~_flags(pc.match_substring_regex(text, self.kept))

    def unknown(self, column: pa.Array) -> pa.Array:
        """Values that are neither known to be served nor left out."""
        if self.left_out is None or self.kept is None:
            return pa.array([], pa.string())
        text = pc.fill_null(as_text(column), "")
        known = pc.or_(pc.match_substring_regex(text, self.left_out), pc.match_substring_regex(text, self.kept))
        return text.filter(pc.invert(known))


def status_rule(column: str) -> FailureRule:
    """Failed requests by a status: HTTP codes from 400, or words for failure."""
    return FailureRule(column=column, reason="failed_status", left_out=_FAILED, kept=_SERVED)


GENERIC_RULES = (
    status_rule("status"),
    FailureRule(column="level", reason="failed_status", left_out=_ERROR_LEVEL),
)
LITELLM_RULES = (
    status_rule("status"),
    FailureRule(column="cache_hit", reason="cache_hit", left_out=r"(?i)^\s*(true|t|1)\s*$"),
    FailureRule(
        column="call_type",
        reason="other_operation",
        left_out=(
            r"(?i)embedding|image|moderation|transcription|speech|rerank|search|batch|file|assistant|thread|vector_store|"
            r"video|ocr|container|skill|eval|health"
        ),
    ),
)
LANGFUSE_RULES = (
    FailureRule(column="type", reason="other_operation", kept=r"(?i)^\s*(generation)?\s*$"),
    FailureRule(column="level", reason="failed_status", left_out=_ERROR_LEVEL),
    FailureRule(column="usage.unit", reason="other_unit", kept=r"(?i)^\s*(tokens)?\s*$"),
)
LANGSMITH_RULES = (
    FailureRule(column="run_type", reason="other_operation", kept=r"(?i)^\s*llm\s*$"),
    status_rule("status"),
)
BEDROCK_RULES = (
    FailureRule(column="errorCode", reason="failed_status", left_out=r"\S"),
    FailureRule(column="modelId", reason="other_operation", left_out=r"(?i)embed|rerank|image|canvas|stability|reel"),
)
GENERATION = r"(?i)^\s*(chat|text_completion|generate_content|completions?|llm)?\s*$"
"""Operations of spans that are LLM calls; spans from before there were names have none."""
SPAN_RULES = (
    FailureRule(column="gen_ai.operation.name", reason="other_operation", kept=GENERATION),
    FailureRule(column="status", reason="failed_status", left_out=r"(?i)^\s*(2|(status_code_)?error)\s*$"),
    FailureRule(column="error.type", reason="failed_status", left_out=r"\S"),
)


def left_out(rules: Mapping[str, FailureRule], columns: Mapping[str, pa.Array], among: Flags) -> dict[str, Flags]:
    """Reason -> rows of `among` that the rules leave out, each under the first that does."""
    result: dict[str, Flags] = {}
    left = among.copy()
    for key, rule in rules.items():
        if key in columns:
            hits = left & rule.hits(columns[key])
            result[rule.reason] = result.get(rule.reason, np.zeros(len(left), bool)) | hits
            left &= ~hits
    return result


def _flags(column: pa.Array) -> Flags:
    flags: Flags = column.to_numpy(zero_copy_only=False).astype(bool)
    return flags
