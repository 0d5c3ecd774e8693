"""The catalog as documents and as text."""

import json

import pytest
from support.shown import on_terminal

from simcost.catalog import load_catalog
from simcost.catalog.documents import KINDS, catalog_list, catalog_show
from simcost.errors import CatalogError
from simcost.studies.catalog.view import parts

text = on_terminal(parts)

CATALOG = load_catalog()


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_one_document_and_one_line_per_fact(kind: str) -> None:
    document = catalog_list(CATALOG, kind)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["as_of"] == CATALOG.as_of
    lines = text(document).splitlines()
    assert len(lines) == (len(document["rows"]) + 3 if document["rows"] else 1)
    assert not document["rows"] or len(lines[0].split("  ")) >= 5


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("h100", ["accelerators"]),
        ("Qwen/Qwen3-32B", ["models"]),
        ("azure/standard_nd96isr_mi300x_v5", ["offers"] * 4 + ["machines"]),
        ("aws/p6-b200.48xlarge", ["offers"] + ["commitment-rates"] * 4),
        ("runpod", ["billing-rules", *["tier-prices"] * 3]),
        ("aws/storage", ["tier-prices"]),
    ],
)
def test_show_finds_a_name_in_any_kind(name: str, kinds: list[str]) -> None:
    document = catalog_show(CATALOG, name)
    assert [fact["kind"] for fact in document["facts"]] == kinds
    shown = text(document)
    assert all(fact["source"] in " ".join(shown.split()) and fact["as_of"] in shown for fact in document["facts"])


def test_a_list_takes_the_facts_with_stated_values() -> None:
    def named(kind: str, *where: tuple[str, str]) -> list[str]:
        return [row.get("sku") or row["name"] for row in catalog_list(CATALOG, kind, where)["rows"]]

    whole = catalog_list(CATALOG, "offers")["rows"]
    nodes = [row for row in whole if row["accelerator"] == "h100-sxm" and row["region"].startswith("us-")]
    found = catalog_list(CATALOG, "offers", [("accelerator", "H100"), ("region", "us-*")])["rows"]
    assert found == nodes
    assert 0 < len(found) < len(whole)
    sizes = [("sku", "p5.48xlarge"), ("sku", "p5.4xlarge")]
    assert named("offers", *sizes, ("region", "us-east-1"), ("accelerators", "8")) == ["p5.48xlarge"]
    assert named("models", ("name", "meta-llama/Llama-3.1-8B-Instruct")) == ["llama-3.1-8b"]
    assert named("models", ("experts", "256"), ("kv_lora_rank", "512"))[:2] == ["deepseek-v3", "glm-5"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ([("providr", "aws")], "facts of offers have no column 'providr'; did you mean 'provider'"),
        ([("provider", "asw")], "has provider 'asw'; did you mean 'aws'"),
        ([("provider", "aws"), ("provider", "hetznr")], "has provider 'hetznr'"),
        ([("provider", "aws"), ("accelerators", "many")], "has accelerators 'many'; it is 0, 1"),
    ],
)
def test_values_that_no_fact_has_are_refused(where: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        catalog_list(CATALOG, "offers", where)


def test_a_price_of_zero_is_shown() -> None:
    assert "- price_usd: 0" in text(catalog_show(CATALOG, "nebius/egress"))


def test_unknown_kind_and_name() -> None:
    with pytest.raises(CatalogError, match="did you mean 'offers'"):
        catalog_list(CATALOG, "offer")
    with pytest.raises(CatalogError, match="did you mean 'h100-sxm'"):
        catalog_show(CATALOG, "h100-sx")


def test_one_row_is_counted_as_one() -> None:
    (part,) = parts(catalog_list(CATALOG, "offers", [("sku", "p5.4xlarge")]))
    assert part.said[0].startswith("1 row of offers; newest fact ")
