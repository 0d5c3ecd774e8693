"""`simcost prices`: a list becomes rows of a catalog folder that scenarios read; two books are compared."""

import csv
import re
from pathlib import Path

import pytest
from support.commands import call, contents, refused
from support.scenarios import write

from simcost.catalog import load_catalog

HEADER = (
    "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,SpotPrice\n"
)
ROWS = "g6.xlarge,4,16,L4,1,,us-east-1,us-east-1a,0.9,0.3\ng6.xlarge,4,16,L4,1,,us-west-2,us-west-2a,700.0,\n"
OWN = "provider,sku,price_per_h,region,way,term_years,upfront\naws,g6.xlarge,0.5,us-east-1,reserved-instance,1,none\n"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "vms.csv"
    file.write_text(HEADER + ROWS)
    return file


def sky(file: Path, *words: object) -> tuple[object, ...]:
    return ("prices", "import", file, "--format", "skypilot", "--provider", "aws", *words)


def test_a_list_becomes_a_catalog_that_is_read(tmp_path: Path, listed: Path) -> None:
    book = tmp_path / "book"
    said = call(*sky(listed, "--as-of", "2026-08-01", "-o", book, "--json"))
    document = said.document()
    assert said.code == 0
    assert [document[key] for key in ("rows", "kept_out", "not_asked_for", "offers")] == [2, 1, 0, 1]
    assert (document["as_of"], document["files"]) == ("2026-08-01", [str(book / "offers.csv")])
    (finding,) = document["findings"]
    assert finding["kind"] == "placeholder-price"
    assert (finding["count"], finding["outcome"], finding["places"][0]["place"]) == (1, "kept out", "line 3")
    (sha,) = document["provenance"]["inputs"].values()
    assert len(sha) == 64
    offer = load_catalog(book).offer("aws/g6.xlarge", "us-east-1")
    assert (offer.on_demand_usd_per_h, offer.spot_usd_per_h, offer.as_of) == (0.9, 0.3, "2026-08-01")
    assert call("catalog", "show", "aws/g6.xlarge", "--catalog", book).out.count("2026-08-01") == 1


def test_a_second_list_adds_and_replaces_by_key(tmp_path: Path, listed: Path) -> None:
    book = tmp_path / "book"
    assert call(*sky(listed, "--as-of", "2026-08-01", "-o", book)).code == 0
    listed.write_text(HEADER + ROWS.replace("0.9", "0.8") + "g6.2xlarge,8,32,L4,1,,us-east-1,a,1.0,\n")
    assert call(*sky(listed, "--as-of", "2026-09-01", "-o", book)).code == 0
    (tmp_path / "own.csv").write_text(OWN)
    assert call("prices", "import", tmp_path / "own.csv", "--format", "own", "-o", book).code == 0
    with (book / "offers.csv").open(newline="") as file:
        rows = {row["sku"]: (row["on_demand_usd_per_h"], row["as_of"]) for row in csv.DictReader(file)}
    assert rows == {"g6.xlarge": ("0.8", "2026-09-01"), "g6.2xlarge": ("1.0", "2026-09-01")}
    rate = load_catalog(book).commitment_rate("aws", "reserved-instance", "g6.xlarge", "us-east-1", 1, "none")
    assert rate.usd_per_h == 0.5


def test_importing_twice_changes_nothing(tmp_path: Path, listed: Path) -> None:
    book = tmp_path / "book"
    call(*sky(listed, "-o", book))
    once = contents(book)
    call(*sky(listed, "-o", book))
    assert contents(book) == once


def test_without_a_folder_nothing_is_written(tmp_path: Path, listed: Path) -> None:
    before = contents(tmp_path)
    said = call(*sky(listed))
    told = " ".join(said.out.split())
    assert told.startswith(f"{listed}: 1 offer of unknown date; 1 kept out")
    assert "placeholder-price" in told
    assert "give `--as-of`" in told
    assert told.endswith("nothing written; give -o FOLDER")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--format", "skypilott"), "did you mean 'skypilot'"),
        (("--format", "skypilot"), "--provider"),
        (("--format", "aws"), "no JSON from here"),
        (("--format", "own"), "no column 'provider'"),
        (("--format", "own", "--catalog", "."), "give -o or --catalog"),
        (("--format", "skypilot", "--provider", "x", "--as-of", "yesterday"), "write e.g. 2026-07-20"),
        (("--format", "skypilot", "--provider", "x", "--only", "p5.*"), "2 not-asked"),
    ],
)
def test_what_cannot_be_imported_leaves_no_trace(
    tmp_path: Path, listed: Path, words: tuple[str, ...], message: str
) -> None:
    before = contents(tmp_path)
    assert message in refused("prices", "import", listed, *words, "-o", tmp_path / "book")
    assert contents(tmp_path) == before


def test_a_folder_with_faults_is_left_as_it_is(tmp_path: Path, listed: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    (book / "offers.csv").write_text("provider,skuu\n")
    before = contents(book)
    assert "offers.csv:1:2: skuu: unknown column" in refused(*sky(listed, "-o", book))
    assert contents(book) == before


def test_what_changed_between_two_books(tmp_path: Path, listed: Path) -> None:
    for name, usd in (("old", "1.0"), ("new", "0.8")):
        listed.write_text(HEADER + ROWS.replace("0.9", usd))
        call(*sky(listed, "--as-of", f"2026-0{len(usd)}-01", "-o", tmp_path / name))
    document = call("prices", "diff", tmp_path / "old", tmp_path / "new", "--json").document()
    (change,) = document["changes"]
    assert (change["kind"], change["name"]) == ("offers", "aws g6.xlarge us-east-1")
    assert (change["price"], change["before"], change["after"]) == ("on_demand_usd_per_h", 1.0, 0.8)
    assert change["change"] == pytest.approx(-0.2)
    text = call("prices", "diff", tmp_path / "old", tmp_path / "new").out
    assert text.startswith("1 price changed, 0 are new, 0 are gone")
    assert "-20.0 %" in text
    ours = call("prices", "diff", tmp_path / "new", "--json").document()
    assert ours["before"] == "simcost"
    assert {c["price"] for c in ours["changes"]} == {"on_demand_usd_per_h", "spot_usd_per_h"}
    same = call("prices", "diff", tmp_path / "new", tmp_path / "new").out
    assert same.startswith("0 prices changed")


def test_a_price_of_one_region_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    head = "provider,item,region,unit,from_gb,to_gb,price_usd,source,as_of,quality\n"
    for name, usd in (("old", 0.10), ("new", 0.12)):
        (tmp_path / name).mkdir()
        rows = f"neo,storage,east,GB-month,0,,{usd},x,2026-01,A\nneo,storage,west,GB-month,0,,0.2,x,2026-01,A\n"
        (tmp_path / name / "tier_prices.csv").write_text(head + rows)
        rows = f"neo,big,1,2,{10 * usd},x,2026-01,A\n"
        tokens = "provider,model,input_usd_per_m,output_usd_per_m,cache_write_1h_usd_per_m,source,as_of,quality\n"
        (tmp_path / name / "token_prices.csv").write_text(tokens + rows)
    changes = call("prices", "diff", tmp_path / "old", tmp_path / "new", "--json").document()["changes"]
    assert sorted((change["name"], change["price"]) for change in changes) == [
        ("neo big", "cache_write_1h_usd_per_m"),
        ("neo storage east 0.0", "price_usd"),
    ]


def test_another_number_of_accelerators_at_the_same_price_is_a_change(tmp_path: Path) -> None:
    """Half the machine for the price of the whole one seemed to be no change."""
    head = "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,source,as_of,quality\n"
    for name, shape in (("old", "h100-sxm,8"), ("new", "h200-sxm,4")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "offers.csv").write_text(f"{head}neo,big,east,{shape},20,quote,2026-10-01,A\n")
    said = call("prices", "diff", tmp_path / "old", tmp_path / "new", "--json").document()["changes"]
    assert [(one["price"], one["before"], one["after"], one["change"]) for one in said] == [
        ("accelerators", 8, 4, -0.5),
        ("accelerator", "h100-sxm", "h200-sxm", None),
    ]
    text = call("prices", "diff", tmp_path / "old", tmp_path / "new").out
    assert text.startswith("0 prices changed, 0 are new, 0 are gone, 2 are of other accelerators")
    assert "h100-sxm" in text
    gone = call("prices", "diff", tmp_path / "old", "--json").document()["changes"]
    assert {one["price"] for one in gone if one["name"].startswith("neo")} == {"on_demand_usd_per_h"}


def test_all_facts_that_a_new_provider_lacks_are_named_at_once(tmp_path: Path) -> None:
    """The billing rule, the storage price and the egress price were named one after the other."""
    (tmp_path / "quote.csv").write_text(
        "provider,sku,region,price_per_h,accelerator,accelerators,as_of\nneo,one,east,2.5,L40S,1,2026-10-01\n"
    )
    facts = tmp_path / "facts"
    found = call("prices", "import", tmp_path / "quote.csv", "--format", "own", "-o", facts, "--json").document()
    [finding] = [one for one in found["findings"] if one["kind"] == "provider-lacks-facts"]
    assert (finding["count"], finding["outcome"]) == (1, "kept")
    of_neo = (("accelerator: l4}", "accelerator: l40s}"), ("aws/g6.xlarge", "neo/one"))
    file = write(tmp_path, *of_neo, ("scenario: ", "catalog: facts\nscenario: "))
    said = refused("check", file)
    for told in (finding["places"][0]["detail"], said):
        assert "no billing rule of provider 'neo', no storage price of neo, no egress price of neo" in told
    files = re.findall(r"(\w+\.csv) \(([\w,]+)\) `([^`]+)`(?: and `([^`]+)`)?", said)[:2]
    for name, head, *rows in files:
        (facts / name).write_text("\n".join([head, *filter(None, rows), ""]))
    assert "no faults" in call("check", file).out
    again = call("prices", "import", tmp_path / "quote.csv", "--format", "own", "-o", facts, "--json").document()
    assert "provider-lacks-facts" not in {one["kind"] for one in again["findings"]}
