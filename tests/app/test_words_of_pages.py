"""Messages of the command line on a page: its fields stand in the place of options."""

import doctest

import pytest

from views import text
from views.files import COLUMNS
from views.text import on_page


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("its steps change; pass --freq 1d or coarser", "its steps change; set Step 1d or coarser"),
        ("read as UTC; if they are local, pass --timezone, as Europe/Berlin", "local, set Time zone, as Europe/Berlin"),
        ("no value; did you mean --map value=Wert?", "no value; call the column value in the file"),
        ("no value; pass --map value=COLUMN; but", "no value; call the column value in the file; but"),
        ("keep one, or pass --by COLUMN", "keep one, or pass --by COLUMN (on the command line)"),
        ("prices are in EUR; give --rate EUR=...", "prices are in EUR; give --rate EUR=... (on the command line)"),
        ("write it with `simcost run FILE.yaml --out x`", "write it with `simcost run FILE.yaml --out x`"),
        ("argument --scale: 'x' is not a list of demands", "Demands: 'x' is not a list of demands"),
        ("argument --budget: 'x' is not a quantity", "Budget: 'x' is not a quantity"),
        ("its best plan; --run-plan NAME takes another.", "--run-plan NAME (on the command line) takes another."),
        ("select it by --where model=gpt-4o", "select it by 'Rows with' model=gpt-4o"),
        ("tells nothing of others (--seeds 10 does)", "tells nothing of others (Replications 10 does)"),
    ],
)
def test_options_are_fields_of_the_page(message: str, said: str) -> None:
    assert on_page(message).endswith(said)


def test_a_page_with_a_field_for_columns_names_it() -> None:
    message = "no sku column found; pass --map sku=COLUMN"
    assert on_page(message, COLUMNS) == "no sku column found; write sku=COLUMN under Columns of other names"
    assert on_page("pass --metric a=b", COLUMNS) == "write a=b under Names"


def test_the_example_holds() -> None:
    assert doctest.testmod(text).failed == 0
