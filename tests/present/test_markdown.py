"""Summaries in Markdown fit a comment on a pull request."""

from simcost.present.format import shortened
from simcost.present.markdown import fitted, summary
from simcost.present.parts import Part

DOCUMENT = {"verdict": "a is the cheapest."}


def test_the_longest_folded_parts_are_left_out_first_and_said() -> None:
    """`simcost run --markdown` of 90 plans had 92,558 characters, which no comment on GitHub holds."""
    parts = [
        Part(title="Plans", rows=[{"Plan": "a", "USD": "$1"}]),
        Part(title="Long", rows=[{"Plan": "b" * 500}], detail=True),
        Part(title="Short", rows=[{"Plan": "c" * 50}], detail=True),
    ]
    whole = fitted("simcost run", DOCUMENT, parts, elsewhere="the page")
    assert ("bbb" in whole, "left out" in whole) == (True, False)
    text = fitted("simcost run", DOCUMENT, parts, elsewhere="the page", most=500)
    assert len(text) <= 500
    assert ("bbb" in text, "ccc" in text, "| a | $1 |" in text) == (False, True, True)
    assert "Parts were left out, since they are too long here: the page has them." in text


def test_the_verdict_and_the_gates_stay() -> None:
    text = fitted(
        "simcost run", DOCUMENT, [Part(title="Plans", rows=[{"Plan": "a" * 500}])], ["x"], elsewhere="y", most=9
    )
    assert "a is the cheapest" in text
    assert "**Gate broken:** x" in text


def test_cells_that_are_cut_for_the_terminal_are_whole() -> None:
    """Input and output tokens of an API with a long name were two rows of one name in `simcost diff --markdown`."""
    rows = [{"Item": shortened(f"an API with a long name {kind}", 20)} for kind in ("input", "output")]
    text = summary("simcost diff", DOCUMENT, [Part(title="Items", rows=rows)])
    assert "| an API with a long name input |" in text
    assert "| an API with a long name output |" in text
