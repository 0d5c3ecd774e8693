"""Counts of an import: rows read, left out and repaired, as sentences."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.tables.cells import NO_VALUE
from simcost.tables.columns import Column
from simcost.tables.faults import quoted
from simcost.trace.requests.number_marks import NumberMarks
from simcost.units import how_many

_MESSAGES = {
    "blank": ("row without any value was", "rows without any value were", "left out"),
    "failed": ("request", "requests", "without output tokens failed in the service that was logged; left out"),
    "failed_status": ("request failed, as its status says;", "requests failed, as their status says;", "left out"),
    "no_usage": ("request has", "requests have", "no token counts; left out"),
    "cache_hit": ("request was", "requests were", "answered from the gateway's cache, not by a model; left out"),
    "other_operation": ("row is", "rows are", "not a generation by a model (embeddings, tools, other spans); left out"),
    "parent": ("LLM call is", "LLM calls are", "the parent of another LLM call, whose tokens it repeats; left out"),
    "other_unit": ("row counts", "rows count", "other units than tokens, as characters or seconds; left out"),
    "malformed": ("row", "rows", "could not be split into columns; left out"),
    "cached_tokens": (
        "count",
        "counts",
        (
            "of cached tokens that could not be read, or above those of the prompt, which hold them: taken as unknown; "
            "if the log counts them apart, add them: --map prompt_tokens=COLUMN+COLUMN"
        ),
    ),
    "latency": ("latency", "latencies", "that could not be read, or outside 0 to a day: taken as unknown"),
    "late_first_token": ("first token", "first tokens", "after the end of the answer: its latency is unknown"),
    "zero_prompt": ("prompt of 0 tokens was", "prompts of 0 tokens were", "set to 1"),
    "unsorted": ("row was", "rows were", "earlier than a row before; the trace was sorted"),
}
"""By kind: of one, of more, and the rest of the sentence."""
SLOWEST_S, FASTEST_S = 3.0, 1e-4
"""No engine takes longer or less for a token: 3 s with weights on disk, 0.1 ms with every trick of 2026."""
FEWEST_TOKENS = 8
"""Output tokens from which on the time of an answer says something of that of a token: before, it is the queue."""
_MANY, _MOST = 0.1, 0.5
"""Shares of answers too slow or too fast, and of first tokens too late, from which on a unit is doubted."""
_STATUSES = 1000
_COMMA = re.compile(r"\s*\d+,\d+\s*")
"""A number with one comma."""


@dataclass(slots=True)
class Tally:
    """Rows of one file.

    Attributes:
        read: rows seen so far.
        unselected: rows that were not asked for.
        dropped: rows left out, by reason or by the column at fault.
        repaired: rows mended, by reason.
        examples: the first row of a reason.
        paces: answers by the time for each token: too slow for the seconds of `e2e_s`, too fast for the milliseconds of
            `e2e_ms`, or `usual`.
    """

    read: int = 0
    unselected: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    paces: Counter[str] = field(default_factory=Counter)
    _statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    _words: dict[str, Counter[str]] = field(default_factory=dict)

    def note_statuses(self, column: str, values: pa.Array) -> None:
        """Count values of a status that say neither served nor failed."""
        if len(self._statuses) < _STATUSES:
            for item in values.value_counts().to_pylist():
                self._statuses[column, item["values"]] += item["counts"]

    def note_paces(self, form: str, e2e_s: npt.NDArray[np.float64], output_tokens: npt.NDArray[np.int64]) -> None:
        """Count answers by the time that each of their tokens took; `form`: the column of it that the log has."""
        many = output_tokens >= FEWEST_TOKENS
        each_s = e2e_s[many] / output_tokens[many]
        odd = int((each_s > SLOWEST_S if form == "e2e_s" else each_s < FASTEST_S).sum())
        self.paces += Counter({form: odd, "usual": len(each_s) - odd})

    def note_words(self, column: str, words: pa.Array) -> None:
        """Count words for no value in a column of labels."""
        for item in words.value_counts().to_pylist():
            self._words.setdefault(column, Counter())[item["values"].strip()] += item["counts"]

    def findings(self) -> list[dict[str, Any]]:
        """Findings on what was left out or repaired."""
        result = [
            finding(kind, count, self.examples.get(kind))
            for kind, count in [*(+self.dropped).items(), *(+self.repaired).items()]
        ]
        result += self._units()
        if self._statuses:
            shown = ", ".join(
                f"{column} {value!r} ({count:,})" for (column, value), count in self._statuses.most_common(5)
            )
            count = self._statuses.total()
            were = how_many(count, "request of an unknown status was", "requests of an unknown status were")
            message = f"{were} taken as served: {shown}; select others with --where"
            result.append({"kind": "unknown_status", "count": count, "message": message})
        for column, words in self._words.items():
            shown = " or ".join(f"{word!r}" for word, _ in words.most_common(3))
            requests = how_many(words.total(), "request has", "requests have")
            message = f"{requests} {shown} as {column}, which was taken as none; if it is a name, write another one"
            result.append({"kind": "no_label", "count": words.total(), "message": message})
        return result

    def _units(self) -> list[dict[str, Any]]:
        """Findings on latencies that are most likely in another unit than the log says."""
        answers = self.paces.total()
        for form, than, unit, ours in (
            ("e2e_s", f"more than {SLOWEST_S:g} s", "milliseconds", "e2e_ms"),
            ("e2e_ms", f"less than {1e3 * FASTEST_S:g} ms", "seconds", "e2e_s"),
        ):
            count = self.paces[form]
            if count > _MANY * answers:
                message = (
                    f"{count:,} of {answers:,} answers took {than} for each output token: if their latencies are in "
                    f"{unit}, pass --map {ours}=COLUMN"
                )
                return [{"kind": "latency_unit", "count": count, "message": message}]
        late = self.repaired["late_first_token"]
        if late <= _MOST * (self.read - self.unselected - self.dropped.total()):
            return []
        message = (
            "most first tokens come after the end of the answer: TTFT and E2E may be in different units; a column in "
            "milliseconds is mapped by --map ttft_ms=COLUMN or e2e_ms=COLUMN"
        )
        return [{"kind": "latency_unit", "count": late, "message": message}]


def describe_cell(value: object, times: str, marks: NumberMarks, declared: Column | None) -> str:
    """Description of the fault in a cell.

    Args:
        value: what it holds.
        times: how arrivals must be written.
        marks: of the numbers of the log.
        declared: the column; None = it holds times.
    """
    cell = "" if value is None else str(value)
    if cell.strip().lower() in ("", *NO_VALUE):
        return "the value is missing"
    if declared is None:
        comma = marks.decimal is None and _COMMA.fullmatch(cell)
        mark = "; if its comma stands before a fraction, pass --decimal ," if comma else ""
        return f"{quoted(cell)} is not a time, or out of range; write {times}{mark}"
    return quoted(cell) + (marks.hint(cell) or f" is not {declared.expected}")


def finding(kind: str, count: int, example: str | None = None) -> dict[str, Any]:
    """A finding about rows of one kind, with the first of them."""
    one, more, rest = _MESSAGES.get(kind, ("row", "rows", f"had an impossible {kind}: left out"))
    message = f"{how_many(count, one, more)} {rest}"
    return {
        "kind": kind,
        "count": count,
        "message": message + (f"; first: {example}" if example else ""),
    }
