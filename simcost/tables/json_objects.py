"""JSON objects as columns: one a line, an array of them, or documents over several lines; nested by dotted path."""

import codecs
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.cells import as_text
from simcost.tables.encoding import not_text, not_utf8, without_mark
from simcost.tables.sources import Chunk, Find, open_stream

Rows = Sequence[tuple[str, Mapping[str, Any]]]
"""Requests of a JSON object, each with its place in it ("" = the object is the request)."""
Value = tuple[str, Any, str]
"""A place, and what stands there, or a reason why that is not a JSON object."""

_BLOCK_ROWS = 16_384
_READ_BYTES = 65_536
_LONGEST = 67_108_864  # characters of one element
_DEEPEST = 16
_EXACT = 2**53
"""Integers below it are exact as floats."""
_SPACE = " \t\r\n"


def finite_json(text: str | bytes) -> Any:
    """The value of a JSON text whose numbers are all finite, as those of a document that is written again must be.

    Raises:
        ValueError: it is not JSON, or has NaN, Infinity or a number that overflows.
    """
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def one_row(value: Mapping[str, Any]) -> Rows:
    """The object itself."""
    return [("", value)]


def read_objects(path: Path, find: Find, rows: Callable[[Mapping[str, Any]], Rows]) -> Iterator[Chunk]:
    """The requests of a JSON file in its order, streamed.

    Args:
        path: the log, packed or not.
        find: which of its columns are read; it sees the dotted paths of the first block.
        rows: the requests of one object; raises ValueError where it is not what the format has.

    Raises:
        TraceError: columns are missing, or an array or document is broken, after which nothing can be read.
    """
    theirs: dict[str, str] = {}
    with io.BufferedReader(open_stream(path)) as stream:
        placed = _placed(json_values(stream, path), rows)
        while block := list(islice(placed, _BLOCK_ROWS)):
            malformed = [(place, reason) for place, _, reason in block if reason]
            good = [(place, value) for place, value, reason in block if not reason]
            if good and not theirs:
                theirs = _found(find, [value for _, value in good])
            if hashes := theirs.get("prefix_hashes"):
                listed = [_is_hashes(at_path(value, hashes)) for _, value in good]
                malformed += [
                    (place, f"{hashes} is not a list of 64-bit integers")
                    for (place, _), right in zip(good, listed, strict=True)
                    if not right
                ]
                good = [each for each, right in zip(good, listed, strict=True) if right]
            columns = {
                ours: _column(ours, [at_path(value, name) for _, value in good]) for ours, name in theirs.items()
            }
            yield Chunk(
                columns=columns,
                theirs=theirs,
                malformed=malformed,
                place=partial(_place, [place for place, _ in good]),
            )


def _found(find: Find, objects: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The columns of the objects that are read; where they are pages of an API, the message names their list."""
    try:
        return find(list(dict.fromkeys(chain.from_iterable(map(paths, objects)))))
    except TraceError as error:
        lists = [name for name, value in objects[0].items() if _are_objects(value)]
        if type(error) is not TraceError or not lists:
            raise
        said = f"the rows may be the items of {lists[0]!r}: write these alone, as `jq -c '.{lists[0]}[]'` does"
        raise TraceError(f"{error}; {said}") from error


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def at_path(value: Any, path: str) -> Any:
    """Value at a dotted path, None if nothing; keys may themselves hold dots, the longest that leads on comes first."""
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    cut = path.rfind(".")
    while cut > 0:
        if path[:cut] in value and (found := at_path(value[path[:cut]], path[cut + 1 :])) is not None:
            return found
        cut = path.rfind(".", 0, cut)
    return None


def paths(value: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[str]:
    """Dotted paths of what an object holds, outer ones first."""
    for key, inner in value.items():
        yield before + key
        if isinstance(inner, Mapping) and depth < _DEEPEST:
            yield from paths(inner, f"{before}{key}.", depth + 1)


def _place(places: Sequence[str], i: int) -> str:
    return places[i]


def _placed(values: Iterator[Value], rows: Callable[[Mapping[str, Any]], Rows]) -> Iterator[Value]:
    """Requests with their places; values that are no objects, with the reason."""
    for place, value, reason in values:
        if not isinstance(value, dict):
            yield place, None, reason or "no JSON object"
            continue
        try:
            for inner, row in rows(value):
                yield f"{place}, {inner}" if inner else place, row, ""
        except ValueError as error:
            yield place, None, str(error)


def json_values(stream: io.BufferedReader, path: Path) -> Iterator[Value]:
    """The values of a file: one a line, unless it begins with an array or with an object over several lines.

    Raises:
        TraceError: it is not text, or an array or document is broken.
    """
    head = without_mark(stream.peek(_READ_BYTES)).lstrip()
    if said := not_text(head):
        raise TraceError(f"{path}: {said}")
    if head.startswith(b"[") or (head[:1] == b"{" and not head.split(b"\n", 1)[0][1:].strip()):
        yield from _document(stream, path)
    else:
        yield from _lines(stream)


def _lines(stream: io.BufferedReader) -> Iterator[Value]:
    """One value a line; blank lines are passed over."""
    for number, line in enumerate(stream, start=1):
        text = without_mark(line) if number == 1 else line
        if text.isspace() or not text:
            continue
        try:
            value, reason = json.loads(text.decode("utf-8")), ""
        except UnicodeDecodeError:
            value, reason = None, not_utf8(text.strip())
        except (ValueError, RecursionError):
            value, reason = None, "no JSON object"
        yield f"line {number}", value, reason


def _document(stream: io.BufferedReader, path: Path) -> Iterator[Value]:
    """The elements of an array, or objects one after the other, each over any number of lines."""
    text = _Text(stream, path)
    array = text.next() == "["
    if array:
        text.start += 1
    number = 0
    while (mark := text.next()) and not (array and mark == "]"):
        number += 1
        place = f"{'element' if array else 'object'} {number}"
        yield place, text.decoded(place), ""
        if array and text.next() == ",":
            text.start += 1
        elif array and text.next() != "]":
            raise TraceError(f"{path}: after {place}: neither a comma nor the end of the array; is it cut off?")
    if array:
        text.start += 1
        if not mark or text.next():
            raise TraceError(
                f"{path}: {'the array does not end' if not mark else 'more text behind the array'}; "
                "is the file damaged?"
            )


class _Text:
    """The part of a text that is not decoded yet, read on as it is needed."""

    def __init__(self, stream: io.BufferedReader, path: Path) -> None:
        self._stream, self._path = stream, path
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self.held, self.start, self._ended = "", 0, False

    def next(self) -> str:
        """The next character that is not a space, "" at the end; `start` stands on it."""
        while True:
            while self.start < len(self.held) and self.held[self.start] in _SPACE:
                self.start += 1
            if self.start < len(self.held):
                return self.held[self.start]
            if not self._more(_READ_BYTES):
                return ""

    def decoded(self, place: str) -> Any:
        """The JSON value at `start`, which moves behind it."""
        size = _READ_BYTES
        while True:
            try:
                value, self.start = self._json.raw_decode(self.held, self.start)
            except (ValueError, RecursionError) as error:
                if len(self.held) - self.start < _LONGEST and self._more(size):
                    size *= 2
                    continue
                said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                raise TraceError(f"{self._path}: {place}: not JSON: {said}; what follows cannot be read") from error
            return value

    def _more(self, size: int) -> bool:
        """Read on; True unless at the end."""
        while not self._ended:
            block = self._stream.read(size)
            self._ended = not block
            new = self._utf8.decode(block, final=self._ended)
            self.held, self.start = self.held[self.start :] + new, 0
            if new:
                return True
        return False


def _is_hashes(value: Any) -> bool:
    """True if a value is missing or a list of 64-bit integers."""
    return value is None or (
        isinstance(value, list) and all(type(item) is int and -(2**63) <= item < 2**63 for item in value)
    )


def _column(ours: str, values: list[Any]) -> pa.Array:
    """Values as lists for hashes, as integers where all are, as numbers where some have a fraction, else as text.

    Times are text then, of which decimals are read exactly.
    """
    if ours == "prefix_hashes":
        return pa.array(values, pa.list_(pa.int64()))
    if all(type(value) is int and abs(value) < 2**63 for value in values):
        return pa.array(values, pa.int64())
    known = [value for value in values if value is not None]
    exact = all(type(value) in (int, float) and abs(value) < _EXACT for value in known)
    if ours != "arrival" and exact and any(type(value) is float for value in known):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    text = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
    return as_text(pa.array([None if t is None else t.encode("utf-8", "replace") for t in text], pa.binary()))
