"""The serialiser of results: keys, order, optional keys, and what it refuses."""

import doctest
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from os import environ
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost import documents
from simcost.catalog.dates import old_prices
from simcost.documents import optional_key, to_document, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    b: float | None
    a: tuple[float, ...] = ()
    note: str | None = optional_key()
    last: int | None = None


def test_fields_are_keys_in_their_order_and_only_optional_keys_are_left_out() -> None:
    document = to_document(Part(b=None))
    assert list(document.items()) == [("b", None), ("a", []), ("last", None)]
    assert to_document(Part(b=1.0, note="n"))["note"] == "n"


def test_numpy_becomes_python() -> None:
    document = to_document(
        {"x": Part(b=np.float64(1.5)), "n": np.int64(2), "many": np.arange(2), "ok": np.isfinite(1.0)}
    )
    assert document == {"x": {"b": 1.5, "a": [], "last": None}, "n": 2, "many": [0, 1], "ok": True}
    assert [type(document[name]) for name in ("n", "ok")] == [int, bool]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float64("nan"), np.array([1.0, np.nan])])
def test_a_number_that_is_not_finite_is_refused_by_its_path(bad: object) -> None:
    with pytest.raises(ValueError, match=r"^result\.parts\[0\]\.b"):
        to_document({"parts": [{"b": bad}]})


def test_what_json_cannot_hold_is_refused_by_its_path() -> None:
    with pytest.raises(TypeError, match=r"^result\.x is a set"):
        to_document({"x": set()})


def test_values_build_a_result_with_the_same_document() -> None:
    part = Part(b=2.0, a=(1.0,))
    assert Part(**values(part)) == part


def test_its_example() -> None:
    assert doctest.testmod(documents).failed == 0


@dataclass(frozen=True)
class Priced:
    verdict: str
    prices: list[dict[str, str]]


@given(st.dates(date(2024, 1, 1), date(2027, 1, 1)), st.integers(0, 400))
def test_a_verdict_names_prices_of_more_than_90_days_in_its_own_line(day: date, age: int) -> None:
    as_of = (day - timedelta(days=age)).isoformat()
    rows = [{"provider": "acme", "sku": "m", "as_of": as_of}, {"provider": "acme", "sku": "own", "as_of": ""}]
    epoch = str(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))
    with patch.dict(environ, SOURCE_DATE_EPOCH=epoch):
        shown = to_document(Priced("A costs $1.", rows))["verdict"]
        nested = to_document({"verdict": "A costs $1.", "provenance": {"prices": rows}})
        assert to_document(nested) == nested
    assert nested["verdict"] == shown == ("A costs $1." + f" Old price: acme/m of {as_of} ({age} days)." * (age > 90))


def test_the_oldest_machine_or_model_is_named_first() -> None:
    days = {"storage": "2025-01-01", "m": "2026-01-02", "n": "2026-01-01", "egress": "unknown"}
    rows = [{"provider": "p", "sku": sku, "as_of": day} for sku, day in days.items()]
    assert old_prices(rows, "2026-06-01") == "Old prices: p/n of 2026-01-01 (151 days) and 3 more."
    assert old_prices(rows[3:], "2026-06-01") == "Old price: p/egress of unknown date."
