"""Text for a terminal of a person: the words of the plain text, in colours that follow the terminal."""

import io
import re

import pytest
from rich.console import Console
from support.commands import call

from simcost.present.parts import Part
from simcost.present.rich_terminal import show

PARTS = [
    Part(title="Plans", rows=[{"Plan": "a", "SLO": "met *", "USD": "$1"}, {"Plan": "b", "SLO": "missed", "USD": "$2"}]),
    Part(title="Notes", said=["[bold]not markup[/bold]", "a \x1b[31m sign of control"]),
    Part(title="Charts", said=["hidden"], detail=True),
]


def shown(**options: object) -> str:
    stream = io.StringIO()
    show({"verdict": "a is cheaper", "files": ["x.json"]}, PARTS, Console(file=stream, width=60, **options))  # type: ignore[arg-type]
    return stream.getvalue()


def test_met_is_green_missed_is_red_and_the_winner_is_bold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = shown(force_terminal=True, color_system="standard")
    assert "\x1b[1ma is cheaper\x1b[0m" in text
    assert re.search(r"\x1b\[1;32m *met \*", text)
    assert re.search(r"\x1b\[31m *missed", text)


def test_words_stay_as_they_are() -> None:
    text = shown(force_terminal=False)
    assert "\x1b" not in text
    assert "[bold]not markup[/bold]" in text
    assert "x.json" in text
    assert "hidden" not in text


def test_a_table_wider_than_the_window_is_put_below_itself_with_its_names() -> None:
    """At 60 columns each row of seven figures was broken by the terminal in the middle of a number."""
    row = {"Plan": "l40s fp8, fixed", **{f"figure {i}": f"$1,376 ± ${i}" for i in range(7)}}
    stream = io.StringIO()
    show({}, [Part(title="Plans", rows=[row, row])], Console(file=stream, width=60))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    heads = [line for line in lines if line.startswith("Plan ")]
    assert [re.findall(r"figure \d", head) for head in heads] == [
        ["figure 0", "figure 1", "figure 2"],
        ["figure 3", "figure 4", "figure 5"],
        ["figure 6"],
    ]


def test_a_verb_shows_the_same_words_in_colour_and_without() -> None:
    plain, colored = (call("catalog", "list", "models", "--color", color).out for color in ("never", "always"))
    bare = re.sub(r"\x1b\[[\d;]*m", "", colored)
    assert bare != colored
    words, styled = (set(re.findall(r"[\w$/.]{4,}", text)) for text in (plain, bare))
    assert words <= styled
