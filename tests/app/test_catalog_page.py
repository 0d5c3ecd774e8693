"""The page of the catalog: facts of a kind, those that have words, and all about one name."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP

from simcost.catalog.documents import KINDS
from simcost.catalog.prices.importer import FORMATS
from views.own_facts import LISTS

pytestmark = pytest.mark.slow


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import catalog
    from views.runs import one_at_a_time

    catalog.show(Path(home) / "scenarios", Path(home) / "results", one_at_a_time())


@pytest.fixture
def page(tmp_path: Path) -> AppTest:
    return AppTest.from_function(script, args=(str(APP.parent), str(tmp_path)), default_timeout=60).run()


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


QUOTE = """provider,sku,region,way,price_per_h,currency,term_years,upfront,accelerator,accelerators,notes
neo,h100x8,eu,on-demand,19.20,USD,,,H100,8,quote 12
"""


def test_own_quotes_are_imported_into_a_folder_and_listed(page: AppTest, tmp_path: Path) -> None:
    assert not page.checkbox
    _add(page, ("quote.csv", QUOTE.encode(), "text/csv"), "Day of the list", "2026-08-01")
    assert "1 offer of 2026-08-01" in page.markdown[0].value
    assert page.code[0].value == "simcost prices import quote.csv --format=own --as-of=2026-08-01 -o facts"
    assert "neo,h100x8,eu" in (tmp_path / "scenarios" / "facts" / "offers.csv").read_text()
    page.text_input[0].set_value("2026-08-02").run()
    assert page.warning[0].value.endswith("press Import for what is asked now.")
    page.segmented_control[0].set_value("Known facts").run()
    page.text_input[0].set_value("neo").run()
    assert list(page.dataframe[0].value["Offer"]) == ["neo/h100x8"]
    page.checkbox[0].uncheck().run()
    assert "No row" in page.info[0].value


def test_a_model_has_the_name_that_was_given(page: AppTest, tmp_path: Path) -> None:
    page.segmented_control[0].set_value("Add your own").run()
    page.selectbox[0].set_value("A model, its config.json").run()
    config = b"""{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 128, "vocab_size": 1000, "max_position_embeddings": 512}"""
    page.file_uploader[0].set_value(("config.json", config, "application/json")).run()
    assert page.button[0].disabled
    page.text_input[0].set_value("mine").run()
    page.button[0].click().run()
    assert not page.error
    assert page.code[0].value == "simcost catalog import config.json -o facts --name=mine"
    assert (tmp_path / "scenarios" / "facts" / "models.csv").read_text().splitlines()[1].startswith("mine,")


def test_a_list_that_cannot_be_read_is_refused_without_places_of_this_machine(page: AppTest, tmp_path: Path) -> None:
    _add(page, ("quote.csv", b"a,b\n1,2\n", "text/csv"), "Day of the list", "yesterday")
    assert "is not a day" in page.error[0].value
    _add(page, ("quote.csv", b"a,b\n1,2\n", "text/csv"), "Day of the list", "2026-08-01")
    assert page.error[0].value.startswith("quote.csv")
    assert str(tmp_path) not in page.error[0].value
    assert not (tmp_path / "scenarios").exists()


def _add(page: AppTest, file: tuple[str, bytes, str], label: str, value: str) -> None:
    page.segmented_control[0].set_value("Add your own").run()
    page.file_uploader[0].set_value(file).run()
    next(field for field in page.text_input if field.label == label).set_value(value).run()
    page.button[0].click().run()


def test_every_format_of_price_lists_can_be_chosen() -> None:
    assert set(LISTS.values()) == set(FORMATS)
