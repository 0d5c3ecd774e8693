"""Progress: a line that a terminal can rewrite, and a listener that may end the work."""

import io
import os

import pytest

from simcost import progress
from simcost.progress import Progress, heard_by


def test_the_line_of_a_terminal_is_no_longer_than_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 columns each step of the progress began a new line."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(stream, "fileno", lambda: 2)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((60, 24)))
    monkeypatch.setattr(progress, "monotonic", iter(range(0, 10_000, 10)).__next__)
    with Progress("a scenario") as shown:
        shown(0.1, "0 of 8 runs; once per machine the simulator is compiled, some 10 s")
    lines = stream.getvalue().split("\r\033[K")
    assert lines[1] == "a scenario [###...........................]  10% 0 of 8 run"
    assert max(map(len, lines)) == 59


def test_a_listener_hears_quiet_work_and_what_it_raises_ends_it() -> None:
    heard: list[tuple[float, str]] = []

    def listener(share: float, note: str) -> None:
        heard.append((share, note))
        if share > 0.5:
            raise KeyError(note)

    with heard_by(listener):
        Progress("work", quiet=True)(0.5, "half")
        with pytest.raises(KeyError):
            Progress("work", quiet=True)(0.6, "more")
    Progress("work", quiet=True)(0.7, "unheard")
    assert heard == [(0.5, "half"), (0.6, "more")]
