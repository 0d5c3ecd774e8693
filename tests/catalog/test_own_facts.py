"""The user's own fact files: they extend and override ours, and their faults are all located."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import Offer, load_catalog
from simcost.catalog.csv_reader import read_table
from simcost.errors import CatalogError, Fault, FaultsError

OFFER = "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,source,as_of,quality\n"
TIER = "provider,item,unit,from_gb,to_gb,price_usd,source,as_of,quality\n"


def faults_of(folder: Path) -> tuple[Fault, ...]:
    with pytest.raises(FaultsError) as error:
        load_catalog(folder)
    return error.value.faults


def test_rows_override_by_key_and_extend(tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text(
        OFFER + "aws,p5.48xlarge,us-east-1,h100,8,40,contract 7,2026-10-01,A\nmine,box,any,H200,8,20,quote,2026-10,A\n"
    )
    catalog = load_catalog(tmp_path)
    assert catalog.offer("aws/p5.48xlarge").on_demand_usd_per_h == 40
    assert catalog.offer("mine/box").accelerator == "h200-sxm"
    assert len(catalog.facts.offers) == len(load_catalog().facts.offers) + 1
    assert load_catalog().offer("aws/p5.48xlarge").on_demand_usd_per_h == 55.04


def test_upper_and_lower_case_name_the_same_row(tmp_path: Path) -> None:
    """Offers and APIs are found in any case, so a row is replaced in any case: both prices were there, and the old
    one was found."""
    header = "provider,model,input_usd_per_m,output_usd_per_m,source,as_of,quality\n"
    (tmp_path / "offers.csv").write_text(OFFER + "AWS,P5.48xlarge,us-east-1,h100,8,40,contract 7,2026-10-01,A\n")
    (tmp_path / "token_prices.csv").write_text(header + "OpenAI,GPT-4o,1000,2000,s,2026-11,A\n")
    (tmp_path / "contracts.csv").write_text("provider,sku,discount,source,as_of,quality\nAWS,P5.*,0.5,s,2026-10-01,A\n")
    (tmp_path / "billing_rules.csv").write_text(
        "provider,granularity_s,minimum_s,source,as_of,quality\nAWS,3600,0,s,2026,A\n"
    )
    catalog = load_catalog(tmp_path)
    offer = catalog.offer("aws/p5.48xlarge")
    assert (offer.name, offer.on_demand_usd_per_h) == ("aws/p5.48xlarge", 40)
    assert catalog.contracted(offer).contracted_usd_per_h == 20
    assert catalog.token_price("openai/gpt-4o").input_usd_per_m == 1000
    assert catalog.billing_rule(offer.provider).granularity_s == 3600
    assert len(catalog.facts.offers) == len(load_catalog().facts.offers)


def test_rows_that_differ_in_case_alone_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text(OFFER + "aws,a,any,h100,1,1,s,2026,A\nAWS,A,any,h100,1,2,s,2026,A\n")
    assert "the same provider, sku, region as line 2" in faults_of(tmp_path)[0].message


MODEL = (
    "name,parameters,layers,hidden,heads,kv_heads,head_dim,ffn,vocabulary,tied_embeddings,context_tokens,experts,"
    "experts_per_token,moe_ffn,source,as_of,quality\n"
)


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("mine,7.25,32,4096,32,8,128,14336,32000,false,8192,,,,s,2026,A", "embedding and LM head, 2.621e"),
        ("mine,8e9,32,4096,32,8,128,1,32000,false,8192,8,2,14336,s,2026,A", "embedding, LM head and experts, 4.536e"),
    ],
)
def test_parameters_in_billions_are_refused(row: str, parts: str, tmp_path: Path) -> None:
    """7.25 parameters were taken, and the weights of the blocks were less than nothing."""
    (tmp_path / "models.csv").write_text(f"{MODEL}{row}\n")
    [fault] = faults_of(tmp_path)
    assert f"are not more than those of {parts}" in fault.message
    assert "are they in billions? write them as 8e9" in fault.message


def test_an_own_accelerator_may_be_used_by_an_own_offer(tmp_path: Path) -> None:
    (tmp_path / "accelerators.csv").write_text(
        "name,vendor,memory_bytes,memory_bytes_per_s,bf16_flops,source,as_of,quality\n"
        "MyChip,me,64e9,1e12,2e14,bench,2026,A\n"
    )
    (tmp_path / "offers.csv").write_text(OFFER + "mine,box,any,MyChip,8,20,quote,2026-10,A\n")
    catalog = load_catalog(tmp_path)
    assert catalog.accelerator(catalog.offer("mine/box").accelerator).memory_bytes == 64e9


def test_a_machine_without_accelerators_has_a_price_too(tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text(OFFER + "aws,m5.large,us-east-1,,,0.096,list,2026-10,A\n")
    offer = load_catalog(tmp_path).offer("aws/m5.large")
    assert (offer.accelerator, offer.accelerators, offer.on_demand_usd_per_h) == ("", 0, 0.096)


def test_tiers_of_an_item_are_replaced_together(tmp_path: Path) -> None:
    (tmp_path / "tier_prices.csv").write_text(TIER + "aws,egress,GB,0,,0.02,contract,2026-10-01,A\n")
    catalog = load_catalog(tmp_path)
    assert [tier.price_usd for tier in catalog.tier_prices("aws", "egress")] == [0.02]
    assert catalog.tier_prices("aws", "storage")


def test_all_faults_come_together_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text(
        OFFER
        + "aws,a,any,h100,0,1,s,2026,A\n"
        + "aws,b,any,h1000,1,cheap,s,soon,D\n"
        + "aws,c,any,h1000,1,1,s,2026,A\n"
        + "aws,d,any,h100,1,nan,s,2026,A\n"
        + "aws,e,any,h100,1.5,-1,,2026,A\n"
        + "aws,f,any\n"
    )
    (tmp_path / "ofers.csv").write_text("")
    found = [(Path(f.file).name, f.line, f.column, f.path) for f in faults_of(tmp_path)]
    assert found == [
        ("ofers.csv", 0, 0, ""),
        ("offers.csv", 2, 1, ""),
        ("offers.csv", 3, 6, "on_demand_usd_per_h"),
        ("offers.csv", 3, 8, "as_of"),
        ("offers.csv", 3, 9, "quality"),
        ("offers.csv", 4, 4, "accelerator"),
        ("offers.csv", 5, 6, "on_demand_usd_per_h"),
        ("offers.csv", 6, 5, "accelerators"),
        ("offers.csv", 6, 6, "on_demand_usd_per_h"),
        ("offers.csv", 6, 7, "source"),
        ("offers.csv", 7, 3, ""),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (OFFER.replace("sku", "skuu"), "did you mean 'sku'"),
        (OFFER.replace(",quality", ""), "the column is missing"),
        (OFFER.replace("sku", "region"), "appears twice"),
        (OFFER + 'aws,"a,any,h100,1,1,s,2026,A\n', ":2: sku: the quote that opens here"),
        (OFFER + 2 * "aws,a,any,h100,1,1,s,2026,A\n", "the same provider, sku, region as line 2"),
        (OFFER + "aws,a,any,h100,1,1,s,2026-7,A\n", "2026-07"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "offers.csv").write_text(text)
    assert message in str(faults_of(tmp_path)[0]) + str(faults_of(tmp_path)[-1])


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "models.csv").write_bytes(b"name\xff\xfe\x00")
    assert "UTF-8" in faults_of(tmp_path)[0].message


def test_a_byte_order_mark_and_empty_lines_are_harmless(tmp_path: Path) -> None:
    text = "\ufeff" + OFFER + "\n,,,,,,,,\nmine,box,any,h100,8,20,quote,2026-10,A\n"
    (tmp_path / "offers.csv").write_text(text, encoding="utf-8")
    assert load_catalog(tmp_path).offer("mine/box").accelerators == 8


def test_a_model_whose_heads_do_not_fit_together(tmp_path: Path) -> None:
    columns = "name,parameters,layers,hidden,heads,kv_heads,head_dim,ffn,vocabulary,tied_embeddings,context_tokens"
    (tmp_path / "models.csv").write_text(
        f"{columns},source,as_of,quality\nx,1e9,8,512,8,3,64,2048,32000,yes,4096,s,2026,A\n"
    )
    assert "tied_embeddings: 'yes' is none of true, false" in str(faults_of(tmp_path)[0])
    (tmp_path / "models.csv").write_text(
        f"{columns},source,as_of,quality\nx,1e9,8,512,8,3,64,2048,32000,true,4096,s,2026,A\n"
    )
    assert "multiple of kv_heads (3)" in faults_of(tmp_path)[0].message


@pytest.mark.parametrize("tiers", [[(5, "")], [(0, 10), (20, "")], [(0, 10), (5, "")], [(0, ""), (10, "")]])
def test_tiers_must_follow_each_other(tmp_path: Path, tiers: list[tuple[int, object]]) -> None:
    rows = "".join(f"own,egress,GB,{start},{end},0.1,s,2026,A\n" for start, end in tiers)
    (tmp_path / "tier_prices.csv").write_text(TIER + rows)
    assert faults_of(tmp_path)[0].path == "from_gb"


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="does not exist"):
        load_catalog(tmp_path / "none")


@given(
    st.text(alphabet='ab,"\n\r\t .0123456789-eE\x00é', max_size=200)
    | st.binary(max_size=80).map(lambda b: b.decode("latin-1"))
)
def test_any_text_gives_rows_or_faults_never_a_crash(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    path = tmp_path_factory.mktemp("facts") / "offers.csv"
    path.write_text(OFFER + body, encoding="utf-8", newline="")
    rows, faults = read_table(path, Offer, ("provider", "sku", "region"))
    assert all(fault.file == str(path) for fault in faults)
    assert all(row.fact.on_demand_usd_per_h > 0 for row in rows)


@pytest.mark.parametrize(("cell", "plain"), [("$38.50", "38.50"), ('"1,234.50"', "1234.50"), ("12 %", "0.12")])
def test_a_number_with_a_sign_is_told_as_it_is_written(tmp_path: Path, cell: str, plain: str) -> None:
    row = f"aws,p5.48xlarge,any,{cell},2026-01-01,2026-12-31,agreement,2026-01-01,A\n"
    (tmp_path / "contracts.csv").write_text(
        f"provider,sku,region,price_per_h,valid_from,valid_to,source,as_of,quality\n{row}"
    )
    with pytest.raises(FaultsError, match=rf"contracts.csv:2:4: price_per_h: .* is not a number; write it as {plain}$"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(("item", "unit", "right"), [("storage", "GB", "GB-month"), ("egress", "GB-month", "GB")])
def test_tiers_are_in_the_unit_of_their_item(tmp_path: Path, item: str, unit: str, right: str) -> None:
    """Tiers of egress per GB-month were taken for those of GB, whatever their source meant."""
    (tmp_path / "tier_prices.csv").write_text(TIER + f"ours,{item},{unit},0,,0.02,contract,2026-10-01,A\n")
    with pytest.raises(FaultsError, match=f"tier_prices.csv:2:.*{item} is priced per {right}, not per {unit}"):
        load_catalog(tmp_path)
