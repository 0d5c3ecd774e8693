"""One tree of errors; every message says what is wrong, where, and what to do.

SimcostError
├── InputError           something the user gave is wrong: exit 2
│   ├── FaultsError      a file with located faults, all of them at once
│   ├── TraceError       a trace that cannot be read: file, row, column
│   ├── CatalogError     a model, accelerator, instance or price we do not know
│   └── DoesNotFitError  a model that does not fit in the memory given
├── GateError            a gate such as `--fail-on slo` was broken: exit 1
└── RunError             a simulation that could not go on: exit 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

_SHOWN, _LONGEST = 20, 40


class SimcostError(Exception):
    """Root of all errors that simcost raises on purpose."""

    exit_code: ClassVar[int] = 1


class InputError(SimcostError):
    """Something the user gave is wrong."""

    exit_code: ClassVar[int] = 2


class TraceError(InputError):
    """A trace that cannot be read or holds impossible values."""


class CatalogError(InputError):
    """A fact that the catalog does not hold; never replaced by a default."""


class DoesNotFitError(InputError):
    """A model that does not fit in the memory of the replica given."""


class GateError(SimcostError):
    """A gate that the user set was broken."""


class RunError(SimcostError):
    """A simulation that could not go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One located fault of a file; lines and columns count from 1, 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""
    message: str

    def __str__(self) -> str:
        numbers = (self.line, self.column) if self.column else (self.line,)
        place = ":".join(map(str, (self.file, *numbers))) if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class FaultsError(InputError):
    """All faults of a file together."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)

    def __reduce__(self) -> tuple[type[FaultsError], tuple[tuple[Fault, ...]]]:
        """As another process makes it again."""
        return type(self), (self.faults,)


def did_you_mean(word: str, known: Sequence[str], least: float = 0.6) -> str:
    """'; did you mean X?' for the nearest known words, else '' (to be appended to a message). `least` is how
    alike they are, from 0 to 1.
    """
    near = get_close_matches(word, list(dict.fromkeys(known)), n=3, cutoff=least)
    return f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""


def columns_said(names: Sequence[str]) -> str:
    """'its columns are: a, b and 3 more' (to be appended to a message). Names that are values, and one name alone,
    which may be a title or hold the separators of others, are told, too.
    """
    shown = [_short(name) for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    apart = len(names) == 1 and "|" in names[0] and names[0].isascii()
    hint = "; are its cells separated by '|'? write commas, semicolons or tabs" if apart else ""
    if any(name.replace(".", "", 1).isdigit() for name in names):
        hint = "; is its first line a row? write the names of the columns above it"
    elif len(names) == 1 and not apart and names[0].isprintable():
        hint = "; if lines stand above the names of the columns, remove them"
    return f"its columns are: {', '.join(shown) or '(none)'}{more}{hint}"


def _short(name: str) -> str:
    """A name that a terminal can show."""
    short = name if len(name) <= _LONGEST else name[:_LONGEST] + "..."
    return short if short.isprintable() else repr(short)
