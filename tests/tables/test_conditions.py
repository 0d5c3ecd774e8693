"""Conditions on rows: the filter is the plain one, row by row, in the logic of SQL; bad ones are refused in words."""

from contextlib import suppress
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.tables.conditions import condition

COLUMNS = {"cost_usd": pa.float64(), "scaling.replicas": pa.int64(), "base": pa.string(), "met": pa.bool_()}
SCHEMA = pa.schema(list(COLUMNS.items()))
NUMBERS = st.integers(-3, 3) | st.sampled_from([-0.5, 0.25, 1e-3, 2.0])
ROW = st.fixed_dictionaries(
    {
        "cost_usd": st.none() | NUMBERS.map(float),
        "scaling.replicas": st.none() | st.integers(-3, 3),
        "base": st.none() | st.sampled_from(["a", "b", "it is"]),
        "met": st.none() | st.booleans(),
    }
)
OPERATORS = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "==": eq, "!=": ne, "<>": ne}
Tree = tuple[Any, ...]
NUMERIC = st.sampled_from(["cost_usd", "scaling.replicas"])
COMPARISONS = st.one_of(
    st.tuples(st.just("compare"), NUMERIC, st.sampled_from(sorted(OPERATORS)), NUMBERS | NUMERIC.map(lambda n: (n,))),
    st.tuples(st.just("compare"), st.just("base"), st.sampled_from(["=", "!="]), st.sampled_from(["a", "it is"])),
    st.tuples(st.just("in"), NUMERIC, st.lists(NUMBERS, min_size=1, max_size=3)),
    st.tuples(st.just("null"), st.sampled_from(sorted(COLUMNS)), st.booleans()),
    st.just(("true", "met")),
)
TREES = st.recursive(
    COMPARISONS,
    lambda inner: st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    max_leaves=6,
)


def literal(value: Any) -> str:
    return value[0] if isinstance(value, tuple) else f"'{value}'" if isinstance(value, str) else repr(value)


def text(tree: Tree) -> str:
    match tree:
        case ("compare", name, operator, value):
            return f"{name} {operator} {literal(value)}"
        case ("in", name, values):
            return f"{name} in ({', '.join(map(literal, values))})"
        case ("null", name, negated):
            return f"{name} is {'not ' if negated else ''}null"
        case ("true", name):
            return str(name)
        case ("not", inner):
            return f"not ({text(inner)})"
    return f"({text(tree[1])}) {tree[0]} ({text(tree[2])})"


def holds(tree: Tree, row: dict[str, Any]) -> bool | None:
    """Kleene's logic; None = unknown."""
    match tree:
        case ("compare", name, operator, value):
            right = row[value[0]] if isinstance(value, tuple) else value
            return None if row[name] is None or right is None else bool(OPERATORS[operator](row[name], right))
        case ("in", name, values):
            return None if row[name] is None else row[name] in values
        case ("null", name, negated):
            return (row[name] is None) != negated
        case ("true", name):
            return row[name]  # type: ignore[no-any-return]
        case ("not", inner):
            found = holds(inner, row)
            return None if found is None else not found
    sides, deciding = [holds(one, row) for one in tree[1:]], tree[0] == "or"
    return deciding if deciding in sides else None if None in sides else not deciding


@given(st.lists(ROW, max_size=8), TREES)
def test_the_filter_is_the_plain_one_row_by_row(rows: list[dict[str, Any]], tree: Tree) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    found = table.filter(condition(text(tree), SCHEMA)).to_pylist()
    assert found == [row for row in table.to_pylist() if holds(tree, row) is True]


@given(st.text(alphabet="abm <>=!()'\"., 01e-+andotinullcost_usd", max_size=30))
def test_any_text_is_a_condition_or_refused_in_words(words: str) -> None:
    with suppress(InputError):
        table = pa.Table.from_pylist([], schema=SCHEMA)
        assert table.filter(condition(words, SCHEMA)).num_rows == 0


def test_a_number_may_be_larger_than_any_of_a_column() -> None:
    table = pa.Table.from_pylist([{"cost_usd": 1.0, "scaling.replicas": 2, "base": "a", "met": True}], schema=SCHEMA)
    assert table.filter(condition("cost_usd < 99999999999999999999 and scaling.replicas > -1e30", SCHEMA)).num_rows == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("cost < 1", "no column 'cost'; did you mean 'cost_usd'?"),
        ("cost_usd < ", "expected a number, true, false, a column, or a text in quotes, at 'its end'"),
        ("cost_usd < 'a'", "is a text, the column holds number"),
        ("base = 1", "is a number, the column holds text"),
        ("cost_usd", "expected a comparison of cost_usd"),
        ("cost_usd < 1 base = 'a'", "expected and, or, or the end, at \"base = 'a'\""),
        ("(cost_usd < 1", "expected )"),
        ("cost_usd < $100", "a number with a unit cannot be read"),
        ("cost_usd >= 99%", "write shares as 0.99, times in seconds, money in USD, and no unit, at '%'"),
        ("cost_usd < 200ms", "a number with a unit cannot be read"),
        ("cost_usd < 1; drop", "cannot be read, at '; drop'"),
        ("base = __import__('os')", "expected"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(words: str, why: str) -> None:
    with pytest.raises(InputError) as refusal:
        condition(words, SCHEMA)
    assert why in str(refusal.value)
