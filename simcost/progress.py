"""Progress on stderr: one line rewritten in place on a terminal, a line now and then elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from types import TracebackType
from typing import Self

from simcost.units import format_seconds

_WIDTH, _USUAL_COLUMNS = 30, 80
Listener = Callable[[float, str], None]
"""Is given the share done and the current work; what it raises ends the work."""
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let the listener hear all progress of this thread, also of work that is quiet."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(text: str, *, end: str = "\n") -> None:
    """Write to stderr. Once its reader has gone, or its disk is full, it is the null device: the work goes on."""
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


class TimeLeft:
    """Time that work still takes, at its pace since something of it was done: what comes before has a pace of its own.

    >>> left = TimeLeft()
    >>> left.told(0.0, 10.0), left.told(0.1, 20.0), left.told(0.3, 24.0)
    ('', '', ', about 14 s left')
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def told(self, share: float, now_s: float) -> str:
        """Words for it after a share is done at a time; empty as long as it is not known, or below a second."""
        if self._first is None and share > 0:
            self._first = share, now_s
        if self._first is None or not self._first[0] < share < 1:
            return ""
        left_s = (now_s - self._first[1]) * (1 - share) / (share - self._first[0])
        return f", about {format_seconds(left_s)} left" if left_s >= 1 else ""


def _columns() -> int:
    """Characters of a line of the terminal; a longer one could not be rewritten in place."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


class Progress:
    """Shows how far a piece of work has come. Use as a context manager; call with the share done.

    Args:
        title: what is being done.
        quiet: show nothing.
    """

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title, self._quiet = title, quiet
        self._terminal = sys.stderr.isatty()
        self._start = self._shown = monotonic()
        self._drawn = False
        self._left = TimeLeft()

    def __call__(self, share: float, note: str = "") -> None:
        """Report that `share` (0 to 1) is done; `note` names the current work."""
        if (listener := _LISTENER.get()) is not None:
            listener(share, note)
        done = round(_WIDTH * share)
        rest = self._left.told(share, monotonic())
        self._say(f"[{'#' * done}{'.' * (_WIDTH - done)}] {share:4.0%} {note}", last=share >= 1, rest=rest)

    def rows(self, count: int) -> None:
        """Say that so many rows are done, of an unknown number."""
        self._say(f"{count:,} rows", last=False)

    def share_of_rows(self, count: int, share: float) -> None:
        """Say that so many rows are done, and which share of all that is."""
        self(share, f"{count:,} rows")

    def bytes(self, count: int, whole: int | None) -> None:
        """Say that so many bytes are done, of a number that may be unknown."""
        done = f"{count / 1e6:,.1f} MB"
        if whole:
            self(count / whole, done)
        else:
            self._say(done, last=False)

    def _say(self, text: str, *, last: bool, rest: str = "") -> None:
        now = monotonic()
        pause = 0.1 if self._terminal else 5.0
        if self._quiet or (now - self._shown < pause and not (last and self._drawn)):
            return
        self._shown, self._drawn = now, True
        line = f"{self._title} {text}; {now - self._start:.0f} s{rest}"
        if self._terminal:
            tell(f"\r\033[K{line[: _columns() - 1]}", end="")
        else:
            tell(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn and self._terminal:
            tell("\r\033[K", end="")
