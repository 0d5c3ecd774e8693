"""Numbers as text for people: one way to write each, which keeps their value."""

import ast
import copy
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcost.compare.significance import negligible_usd
from simcost.compare.verdict import percent
from simcost.present.format import (
    NONE,
    Show,
    amount,
    count,
    exact,
    seconds,
    share,
    share_change,
    signed,
    size,
    usd,
    usd_change,
    usd_margin,
)
from simcost.units import (
    SMALLEST_SHARE,
    Formatted,
    format_bytes,
    format_count,
    format_seconds,
    format_share,
    format_usd,
)


@pytest.mark.parametrize(
    ("shown", "text", "value"),
    [
        (format_usd(-1234.5), "-$1,234", -1234.5),
        (format_share(0.9999), "99.9+ %", 0.9999),
        (format_seconds(0.25), "250 ms", 0.25),
        (format_count(44e6), "44M", 44e6),
        (format_bytes(2**31), "2 GiB", 2**31),
    ],
)
def test_a_formatted_number_is_its_text_and_knows_its_value(shown: Formatted, text: str, value: float) -> None:
    assert (shown, shown.value) == (text, value)
    assert json.dumps({"shown": shown}, ensure_ascii=False) == f'{{"shown": "{text}"}}'
    for again in (copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert (again, again.value) == (text, value)


ROOT = Path(__file__).resolve().parents[2]
VIEWS = [
    *(ROOT / "views").glob("*.py"),
    *(path for path in (ROOT / "simcost/present").glob("*.py") if path.name != "format.py"),
    *(
        path
        for path in (ROOT / "simcost/studies").rglob("*.py")
        if re.search(r"view|chart|tables|wording|sections", path.stem)
    ),
]


def formatted(tree: ast.AST) -> Iterator[int]:
    """Lines that write a number in a way of their own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec:
            if re.search(r"[,%efgn]$", ast.unparse(node.format_spec).strip("f'\"")):
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "format":
            yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "simcost.units":
            yield from [node.lineno] if any(name.name.startswith("format_") for name in node.names) else []


def test_no_view_writes_numbers_in_a_way_of_its_own() -> None:
    own = {str(path.relative_to(ROOT)): [*formatted(ast.parse(path.read_text(encoding="utf-8")))] for path in VIEWS}
    assert len(own) > 40
    assert {path: lines for path, lines in own.items() if lines} == {}


@pytest.mark.parametrize("show", [usd, usd_change, share, share_change, seconds, size, count, amount, signed, exact])
def test_a_missing_value_is_the_same_dash_everywhere(show: Show) -> None:
    assert show(None) == NONE
    assert isinstance(show(1.0), Formatted)


def test_a_share_is_nothing_or_all_only_where_it_is() -> None:
    assert [share_change(value) for value in (0.99999, -0.31, 12.5, 0.0003, -0.0003, -0.0001, 0.0)] == [
        "+100.0 %",
        "-31.0 %",
        "+1,250.0 %",
        "+0.03 %",
        "-0.03 %",
        "0.0 %",
        "0.0 %",
    ]
    assert share_change(256552.8) == "> 999,999 %", "as the verdict writes it"
    assert negligible_usd(1e6) / 1e6 == SMALLEST_SHARE, "plans that cost the same show no change"
    assert [share(value) for value in (0.99999, 1.0, 0.0004, -0.0001, 0.0)] == [
        "99.9+ %",
        "100.0 %",
        "0.04 %",
        "-0.01 %",
        "0.0 %",
    ]
    assert [share(noise) for noise in (1e-16, -1e-16)] == ["0.0 %", "0.0 %"]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (seconds(0.9996), "1,000 ms"),
        (seconds(0.0009997), "1,000 µs"),
        (percent(9.997), "1,000 %"),
        (percent(0.99997), "99.9+ %"),
        (percent(1.0), "100 %"),
        (usd(999.996), "$1,000"),
        (usd(999.99), "$999.99"),
        (usd(0.99996), "$1.00"),
    ],
)
def test_a_value_just_below_a_power_of_ten_has_the_form_of_its_neighbours(shown: str, text: str) -> None:
    assert shown == text


def test_a_margin_of_a_small_amount_is_not_left_out() -> None:
    assert usd_margin(0.0351, 0.0042) == "$0.0351 ± $0.0042"
    assert usd_margin(0.5, 0.04) == "$0.50 ± $0.04"
    assert usd_margin(2049.0, 0.4) == "$2,049"
