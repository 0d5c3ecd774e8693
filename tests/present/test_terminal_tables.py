"""Tables of terminals: rows that differ look different, however narrow the column of their names."""

from io import StringIO

import pytest
from rich.console import Console

from simcost.present.format import shortened
from simcost.present.parts import Part
from simcost.present.rich_terminal import show
from simcost.present.terminal import WIDTH, table

NAMES = [f"chat, h200-sxm aws/p5en.48xlarge eu-north-1, tp 2, replicas {count}" for count in (7, 8)]


@pytest.mark.parametrize("cut", [44, 200])
def test_names_that_begin_the_same_are_told_apart(cut: int) -> None:
    rows = [{"plan": shortened(name, cut), **{f"figure {i}": "99.9 %" for i in range(6)}} for name in NAMES]
    lines = list(table(rows))
    assert max(map(len, lines)) <= WIDTH
    assert [line.split("  ")[0][-10:] for line in lines[2:]] == ["replicas 7", "replicas 8"]


def test_names_that_differ_at_both_ends_keep_both() -> None:
    names = [f"{name} tp 1 fp8 aws/a.xlarge us-east-1, replicas {n}" for name, n in (("l4", 1), ("l4", 2), ("l40s", 1))]
    lines = list(table([{"plan": name, **{f"figure {i}": "99.9 %" for i in range(7)}} for name in names]))
    cut = [line.split("  ")[0] for line in lines[2:]]
    assert [(one.split()[0], one[-10:]) for one in cut] == [
        ("l4", "replicas 1"),
        ("l4", "replicas 2"),
        ("l40s", "replicas 1"),
    ]


def test_names_that_differ_at_the_beginning_keep_it() -> None:
    rows = [
        {"plan": f"{name}, on a machine of a long name", **{f"figure {i}": "99.9 %" for i in range(7)}} for name in "ab"
    ]
    assert [line[0] for line in table(rows)][2:] == ["a", "b"]


def test_a_window_folds_names_that_were_cut_to_the_same() -> None:
    screen = Console(file=StringIO(), width=200)
    show({}, [Part(title="Front", rows=[{"plan": shortened(name, 44), "cost": "$1"} for name in NAMES])], screen)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "replicas 7" in shown
    assert "replicas 8" in shown
