"""Large JSON files read value by value: the text is in memory once, the values one at a time."""

import json
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from simcost.errors import Fault, FaultsError, InputError

Path_ = tuple[str, ...]
LARGEST_BYTES = 2_000_000_000

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def values(file: Path, enter: Callable[[Path_], bool] | None = None) -> Iterator[tuple[Path_, Any]]:
    """The values of a file in its order, each with its path; a file may hold several documents (JSON lines).

    Args:
        file: UTF-8 JSON.
        enter: whether to go into the object or list at a path; else it is one value. `()` is a document.
            None = into none: a document is one value.

    Raises:
        FaultsError: the file is not JSON, with line and column.
        InputError: the file is too large.
    """
    text = _text(file)
    position = _skip(text, 0)
    if position == len(text):
        raise FaultsError([Fault(file=str(file), message="is empty")])
    try:
        while position < len(text):
            position = _skip(text, (yield from _walk(text, position, (), enter or _nowhere)))
    except json.JSONDecodeError as error:
        message = f"no JSON from here: {error.msg}; was the file written to its end?"
        fault = Fault(file=str(file), line=error.lineno, column=error.colno, message=message)
        raise FaultsError([fault]) from None
    except (ValueError, RecursionError) as error:
        raise FaultsError([Fault(file=str(file), message=f"cannot be read as JSON: {error}")]) from None


def _nowhere(_: Path_) -> bool:
    return False


def place(path: Path_) -> str:
    """Notation of a path: `$.Items[3]`."""
    return "$" + "".join(f"[{key}]" if key.isdecimal() else f".{key}" for key in path)


def _text(file: Path) -> str:
    size = file.stat().st_size
    if size > LARGEST_BYTES:
        raise InputError(
            f"{file}: {size / 1e9:.1f} GB; price lists up to {LARGEST_BYTES / 1e9:.0f} GB are read: take the list "
            "of one region, or of one service"
        )
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start}); unpack it first if it is compressed"
        raise FaultsError([Fault(file=str(file), message=message)]) from None


def _walk(
    text: str, position: int, path: Path_, enter: Callable[[Path_], bool]
) -> Generator[tuple[Path_, Any], None, int]:
    """Yields the values from a position; returns where the value there ends."""
    opening = text[position : position + 1]
    if opening not in ("{", "[") or not enter(path):
        value, end = _DECODER.raw_decode(text, position)
        yield path, value
        return end
    close = "}" if opening == "{" else "]"
    position, number = _skip(text, position + 1), 0
    if text.startswith(close, position):
        return position + 1
    while True:
        key = str(number)
        if opening == "{":
            key, position = _key(text, position)
        position = _skip(text, (yield from _walk(text, position, (*path, key), enter)))
        if text.startswith(close, position):
            return position + 1
        position, number = _skip(text, _expect(text, position, ",")), number + 1


def _key(text: str, position: int) -> tuple[str, int]:
    if not text.startswith('"', position):
        raise json.JSONDecodeError("a name in quotes is expected", text, position)
    key, position = _DECODER.raw_decode(text, position)
    return key, _skip(text, _expect(text, _skip(text, position), ":"))


def _expect(text: str, position: int, mark: str) -> int:
    if not text.startswith(mark, position):
        raise json.JSONDecodeError(f"{mark!r} is expected", text, position)
    return position + 1


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
