"""Whatever a price list holds: prices that can be believed, or a located message, never a crash or a price of 0."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.price_lists import (
    CATALOG,
    GPUHUNT,
    SKYPILOT,
    aws_list,
    aws_on_demand,
    aws_plans,
    aws_product,
    aws_rate,
    aws_reserved,
    azure_item,
    azure_page,
    gcp_sku,
)

from simcost.catalog.csv_reader import read_table
from simcost.catalog.prices.importer import FORMATS, import_prices
from simcost.catalog.prices.json_stream import values
from simcost.errors import FaultsError, InputError

PLAN = {"unitPrice": 60.0, "term": "1 Year"}
LISTS = {
    "aws": [
        aws_list(
            [aws_product("A")],
            {"A": aws_on_demand("A", "55")},
            {"A": aws_reserved("A", 1, "No Upfront", 9, 3)},
        ),
        aws_plans(("1 year No Upfront Compute Savings Plan", 1, [aws_rate("p5.48xlarge", "33")])),
    ],
    "azure": [azure_page(azure_item(savingsPlan=[PLAN]), azure_item(type="Reservation", reservationTerm="1 Year"))],
    "gcp": [
        json.dumps(
            {
                "skus": [
                    gcp_sku("A3 Instance Core running in Iowa", 0.03),
                    gcp_sku("A3 Instance Ram", 0.003, "OnDemand", "GiBy.h"),
                    gcp_sku("Nvidia H100 80GB GPU", 9.8),
                ]
            }
        )
    ],
    "genai-prices": [
        json.dumps(
            [
                {
                    "id": "p",
                    "models": [
                        {
                            "id": "m",
                            "prices": [
                                {
                                    "constraint": {"start_date": "2026-01-01"},
                                    "prices": {
                                        "input_mtok": 1,
                                        "output_mtok": {"base": 2, "tiers": [{"start": 5, "price": 3}]},
                                    },
                                }
                            ],
                        }
                    ],
                }
            ]
        )
    ],
}
TABLES = {
    "skypilot": SKYPILOT + "g5.xlarge,4,16,A10G,1,\"{'Gpus': [{'MemoryInfo': {'SizeInMiB': 1}}]}\",us,a,1,0.5\n",
    "gpuhunt": GPUHUNT + "a3-highgpu-8g,us-east4-a,88.49,208,1872.0,8,H100,80.0,False,\n",
    "own": "provider,sku,price_per_h,region,way,term_years,upfront\nneo,box,9,eu,take-or-pay,1,none\n",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("1e400"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def usable_or_refused(folder: Path, text: str, format_: str) -> None:
    """An import whose rows load again with positive prices, or a message that names the file."""
    file = folder / "list.txt"
    file.write_text(text, encoding="utf-8", errors="replace")
    refusal = ""
    try:
        result = import_prices(file, format_, CATALOG, provider="gcp")
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert str(file) in refusal or "no rate of" in refusal
        return
    for name, body in result.files(folder).items():
        (folder / name).write_text(body, encoding="utf-8")
        rows, faults = read_table(folder / name, type(result.rows[name.removesuffix(".csv")][0]), ("provider",))
        (folder / name).unlink()
        assert [fault for fault in faults if "the same provider" not in fault.message] == []
        assert [row.fact for row in rows] == result.rows[name.removesuffix(".csv")]
    for offer in result.rows.get("offers", []):
        assert offer.on_demand_usd_per_h > 0  # type: ignore[attr-defined]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


@pytest.mark.parametrize("format_", LISTS)
@given(draw=st.data())
def test_any_value_in_any_place(folder: Path, format_: str, draw: st.DataObject) -> None:
    document = json.loads(draw.draw(st.sampled_from(LISTS[format_])))
    *way, last = draw.draw(st.sampled_from(places(document)[1:]))
    target = document
    for key in way:
        target = target[key]
    if isinstance(target, dict) and draw.draw(st.booleans()):
        del target[last]
    else:
        target[last] = draw.draw(JSON)
    usable_or_refused(folder, json.dumps(document), format_)


@pytest.mark.parametrize("format_", LISTS)
@given(draw=st.data())
def test_a_file_that_ends_early_is_located(folder: Path, format_: str, draw: st.DataObject) -> None:
    text = json.dumps(json.loads(LISTS[format_][0]), indent=1)
    end = draw.draw(st.integers(1, len(text.rstrip()) - 1))
    (folder / "short.json").write_text(text[:end])
    with pytest.raises(FaultsError) as error:
        import_prices(folder / "short.json", format_, CATALOG)
    assert error.value.faults[0].line >= 1
    assert "no JSON from here" in str(error.value)


@pytest.mark.parametrize("format_", FORMATS)
@given(text=st.text(max_size=80) | JSON.map(json.dumps))
def test_any_text_at_all(folder: Path, format_: str, text: str) -> None:
    usable_or_refused(folder, text, format_)


@pytest.mark.parametrize("format_", TABLES)
@given(draw=st.data())
def test_any_cell_in_any_place(folder: Path, format_: str, draw: st.DataObject) -> None:
    lines = [line.split(",") for line in TABLES[format_].splitlines()]
    row = draw.draw(st.integers(0, len(lines) - 1))
    column = draw.draw(st.integers(0, len(lines[row]) - 1))
    lines[row][column] = draw.draw(st.text(max_size=8) | st.sampled_from(["nan", "-1", "1e999", "700.0", "0", '"']))
    usable_or_refused(folder, "\n".join(map(",".join, lines)), format_)


@pytest.mark.parametrize("format_", TABLES)
def test_a_provider_in_capitals_is_the_same_provider(folder: Path, format_: str) -> None:
    rows = []
    for text, provider in ((TABLES[format_], "gcp"), (TABLES[format_].replace("neo,", "NEO,"), "GCP")):
        (folder / "list.csv").write_text(text)
        rows.append(import_prices(folder / "list.csv", format_, CATALOG, provider=provider).rows)
    assert rows[0] == rows[1]


@given(document=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_values_are_what_json_says_whatever_is_entered(folder: Path, document: dict[str, Any]) -> None:
    """Reading value by value gives the values that the standard parser gives."""
    file = folder / "any.json"
    file.write_text(json.dumps(document, indent=1))
    inside = dict(values(file, lambda path: not path))
    assert {key: json.dumps(value) for (key,), value in inside.items()} == {
        key: json.dumps(value) for key, value in document.items()
    }


def test_a_file_beyond_the_limit_says_what_to_take(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.catalog.prices.json_stream.LARGEST_BYTES", 10)
    (folder / "big.json").write_text(LISTS["azure"][0])
    with pytest.raises(InputError, match="take the list of one region"):
        import_prices(folder / "big.json", "azure", CATALOG)
