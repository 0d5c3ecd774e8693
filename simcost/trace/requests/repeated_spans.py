"""Requests that several spans record, one in the other: each counts once."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

OPERATION = "gen_ai.operation.name"
NOT_GENAI = "(none: no GenAI span)"
OUTER = "(none: holds the span of the same request)"
INNER = "(none: the span that holds it is the same request)"
_MOST_BETWEEN = 8
"""Spans of other software, one in another, between the two of a request."""
_REMEMBERED = 100_000
"""Spans of earlier documents, of each kind."""

_Key = tuple[str, str]
_Counts = tuple[str, str]


class RepeatedSpans:
    """Spans of a file, document after document, among which those of a request that is counted already are marked.

    A framework and the client that it calls each record a request, or a gateway and its server, with the same counts;
    spans of other software, as HTTP calls, may be between them. The innermost counts; where it is in a later document
    than the outer one, that counts in its place.
    """

    def __init__(self) -> None:
        self._between: OrderedDict[_Key, _Key] = OrderedDict()
        """Span of other software -> the one that holds it."""
        self._counted: OrderedDict[_Key, _Counts] = OrderedDict()
        """Spans of requests that count, of which none was found that they hold."""
        self._expected: OrderedDict[_Key, _Counts] = OrderedDict()
        """Holders of spans of requests, which were not read yet -> the counts by which they are the same request."""

    def mark(self, rows: Sequence[dict[str, Any]], requests: Sequence[dict[str, Any]]) -> None:
        """Mark the spans of requests that another one counts, by their operation.

        Args:
            rows: all spans of a document.
            requests: those of them that have token counts and may be requests of a model.
        """
        self._pass_on([row for row in rows if row[OPERATION] == NOT_GENAI and row.get("spanId")])
        named = [row for row in requests if row.get("spanId")]
        here = {_key(row, "spanId"): row for row in named}
        for row in requests:
            outer = here.get(self._holder(row), row)
            if outer is not row and _counts(outer) == _counts(row):
                outer[OPERATION] = OUTER
        for row in sorted(named, key=lambda row: self._depth(row, here)):
            self._compare(row, here)
        for remembered in (self._between, self._counted, self._expected):
            while len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)

    def _pass_on(self, between: Sequence[Mapping[str, Any]]) -> None:
        """Expect the holders of these spans where they themselves were expected."""
        keys = [_key(row, "spanId") for row in between]
        self._between.update(zip(keys, (_key(row, "parentSpanId") for row in between), strict=True))
        for key in keys:
            if key in self._expected:
                self._expected[self._outside(key)] = self._expected.pop(key)

    def _compare(self, row: dict[str, Any], here: Mapping[_Key, Any]) -> None:
        """Mark a span whose request is counted by one of an earlier document."""
        key, holder, counts = _key(row, "spanId"), self._holder(row), _counts(row)
        if self._expected.pop(key, None) == counts:
            row[OPERATION] = OUTER
        if self._counted.get(holder) == counts:
            del self._counted[holder]
            self._counted[key] = counts  # the first that this one holds is the same request
            if row[OPERATION] != OUTER:
                row[OPERATION] = INNER
        elif row[OPERATION] != OUTER:
            self._counted[key] = counts
        if holder not in here and row.get("parentSpanId"):
            self._expected[holder] = counts

    def _depth(self, row: Mapping[str, Any], here: Mapping[_Key, Mapping[str, Any]]) -> int:
        """Number of spans of requests of this document that hold a span."""
        depth = 0
        while depth < _MOST_BETWEEN and (outer := here.get(self._holder(row))) is not None:
            depth, row = depth + 1, outer
        return depth

    def _holder(self, row: Mapping[str, Any]) -> _Key:
        """The span that holds one, passing over those of other software."""
        return self._outside(_key(row, "parentSpanId"))

    def _outside(self, key: _Key) -> _Key:
        for _ in range(_MOST_BETWEEN):
            key = self._between.get(key, key)
        return key


def _key(row: Mapping[str, Any], name: str) -> _Key:
    return str(row.get("traceId")), str(row.get(name))


def _counts(row: Mapping[str, Any]) -> _Counts:
    return str(row["prompt_tokens"]), str(row["output_tokens"])
