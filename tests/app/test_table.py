"""Tables of a page: the best plan stands out, equal values keep their texts, long names leave room for figures."""

from typing import Any

import pytest

from simcost.units import Formatted
from views.table import MOST_ROWS, table

LONG_NAME = "rtx-4090 tp 1 bf16 runpod/community-rtx-4090 any, replicas 1"


def test_the_row_of_the_best_plan_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("streamlit.dataframe", lambda style, **_: drawn.append(style))
    table([{"plan": "a", "SLO": "met"}, {"plan": "b", "SLO": "met *"}], "Plans compared")
    [style] = drawn
    style._compute()
    assert {row for (row, _), found in style.ctx.items() if found} == {1}


def test_a_table_has_a_name_for_screen_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing told the tables of a page apart, nor their buttons *Download as CSV*."""
    named: list[str] = []
    monkeypatch.setattr("streamlit.dataframe", lambda _style, alt, **_: named.append(alt))
    table([{"plan": "a"}], "Plans compared")
    assert named == ["Plans compared"]


def test_equal_values_of_different_texts_keep_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("streamlit.dataframe", lambda style, **_: drawn.append(style))
    cells = [Formatted("baseline", 0.0), Formatted("0.0 %", 0.0), Formatted("+1 %", 0.01), Formatted("-1 %", -0.01)]
    table([{"vs baseline": cell} for cell in cells], "Plans compared")
    [style] = drawn
    shown = [row[-1]["display_value"] for row in style._translate(sparse_index=False, sparse_cols=False)["body"]]
    assert shown == ["baseline", "0.0 %", "+1 %", "-1 %"]
    assert list(style.data["Vs baseline"].argsort()) == [3, 0, 1, 2]


def test_a_long_name_breaks_so_that_the_figures_beside_it_are_seen_at_800_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("streamlit.dataframe", lambda _, **options: drawn.append(options))
    cost = {"$ per month": Formatted("$262.20", 262.2), "attainment": Formatted("99.3 %", 0.993)}
    for name, rows in ((LONG_NAME, 2), ("one L4", 2), (LONG_NAME, MOST_ROWS + 1), (LONG_NAME[:36], 2)):
        table([{"plan": name, **cost}] * rows, "Plans compared")
    table([{"plan": LONG_NAME, **cost}] * 2, "Plans compared", selection="single-row")
    broken, short, many, fits, listed = drawn
    assert broken["column_config"]["Plan"]["width"] <= 435 / 2, "half of the place of a table on a page of 800 pixels"
    assert broken["row_height"] > 4 * 15, "Streamlit breaks lines from 4 rem on, which are 15 px here"
    assert short["column_config"] == {}
    assert "row_height" not in short
    assert "row_height" not in many | listed, "a long list, and one to choose from, stay dense"
    assert "row_height" not in fits, "both figures have room beside it"
