"""The page of the catalog: facts of a kind, those that have words, and all about one name."""

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP

from simcost.catalog.documents import KINDS


def script(root: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import catalog

    catalog.show()


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(script, args=(str(APP.parent),), default_timeout=60).run()


def test_offers_come_first_and_words_choose_rows(page: AppTest) -> None:
    every = page.dataframe[0].value
    page.text_input[0].set_value("P5.4xlarge us-EAST-1").run()
    rows = page.dataframe[0].value
    assert list(rows["Offer"]) == ["aws/p5.4xlarge"]
    assert rows["On demand, $/h"].iloc[0] == pytest.approx(6.88)
    assert len(every) > 100
    page.text_input[0].set_value("no such thing").run()
    assert "No row" in page.info[0].value


@pytest.mark.slow
def test_every_kind_is_shown(page: AppTest) -> None:
    for kind in KINDS:
        page.selectbox[0].set_value(kind).run()
        assert not page.exception, kind
        assert page.dataframe or page.table or "has no" in page.info[0].value, kind


def test_conditions_on_columns_choose_rows_as_the_command_does(page: AppTest) -> None:
    page.text_input[0].set_value("accelerator=l4 region=us-*").run()
    assert set(page.dataframe[0].value["Accelerators"].str.rpartition(" ")[2]) == {"l4"}
    assert set(page.dataframe[0].value["Region"].str[:3]) == {"us-"}
    assert page.code[0].value == "simcost catalog list offers --where=accelerator=l4 '--where=region=us-*'"
    page.text_input[0].set_value("acelerator=l4").run()
    assert "did you mean 'accelerator'" in page.error[0].value
    page.text_input[0].set_value('"a =').run()
    assert "No row" in page.info[0].value


def test_the_line_below_counts_the_rows_that_are_shown(page: AppTest) -> None:
    page.text_input[0].set_value("p5. us-east-1").run()
    assert page.caption[1].value.startswith(f"{len(page.dataframe[0].value)} offers")
    assert not page.code
