"""The verbs on cost files: one document each, and bad input refused in words."""

from pathlib import Path

import pytest
from support.commands import FOLDER, Said, call, refused
from support.focus_files import HEAD, cost_file, row


def test_read_has_its_keys_and_writes_what_bill_reads(tmp_path: Path) -> None:
    usage = tmp_path / "usage.parquet"
    words = ("focus", "read", cost_file(tmp_path), "-o", usage, "--svg", tmp_path / "days.svg")
    told = call(*words, "--json").document()
    assert told.keys() >= {
        "verdict",
        "billed_usd",
        "effective_usd",
        "list_usd",
        "contracted_usd",
        "months",
        "skus",
        "coverage",
        "commitments",
        "quality",
        "provenance",
        "files",
    }
    assert (tmp_path / "days.svg").read_text().startswith("<svg")
    said = call(*words)
    assert said.out.replace("\n", " ").startswith(told["verdict"])
    assert max(map(len, said.out.splitlines())) <= 100
    plan = tmp_path / "plan.yaml"
    plan.write_text("purchasing: on demand\n", encoding="utf-8")
    priced = call("bill", usage, "--plan", plan, "--json").document()
    assert priced["effective_usd"] == pytest.approx(4 * 55.04 + 12), (
        "what the rows of usage cost under contracts, two of the five hours together one price; spot at the price paid"
    )


def test_files_of_the_same_month_that_cover_more_or_less_of_it_are_told(tmp_path: Path) -> None:
    later = {"ChargePeriodStart": "2026-03-09T00:00:00Z", "ChargePeriodEnd": "2026-03-09T01:00:00Z"}
    week, hour = (
        cost_file(tmp_path, [row(1), row(2, **later)], name="a.csv"),
        cost_file(tmp_path, [row(1)], name="b.csv"),
    )
    said = call("focus", "compare", week, hour).out.replace("\n  ", " ")
    assert "the actual file covers 169 h, the simulated one 1 h: part of the difference is their length" in said
    [found] = call("focus", "compare", week, hour, "--json").document()["findings"]
    assert found["kind"] == "other-length"
    assert not call("focus", "compare", week, week, "--json").document()["findings"]
    assert "their length" not in call("focus", "compare", week, hour, "--per-month").out


def test_what_would_count_twice_or_has_two_values_is_refused(tmp_path: Path) -> None:
    march, copy = cost_file(tmp_path), tmp_path / "march (1).csv"
    copy.write_bytes(march.read_bytes())
    for files in ((march, march), (march, copy)):
        assert "would count twice; give each file once" in refused("focus", "read", *files)
    log = tmp_path / "log.csv"
    log.write_text("arrival,prompt_tokens,output_tokens\n0,100,10\n1,100,10\n")
    assert "would count twice" in refused("trace", "import", log, log, "--format", "csv", "-o", tmp_path / "x.parquet")
    assert "would count twice" in refused("calibrate", log, log, "-o", tmp_path / "x.yaml")
    rates = ("--rate", "EUR=1.1", "eur=1.2")
    assert "give each currency once" in refused("focus", "read", march, *rates)


def test_the_verdict_says_how_many_rows_have_no_cost(tmp_path: Path) -> None:
    path = cost_file(tmp_path, [row(1), row(2, BilledCost="about 55")])
    said = call("focus", "read", path, "--json").document()["verdict"]
    assert "left out of these: 1 row without billed cost" in said
    assert "left out" not in call("focus", "read", cost_file(tmp_path, [row(1)]), "--json").document()["verdict"]


def test_what_cannot_be_read_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = cost_file(tmp_path, ["1"], head="a")
    assert "no FOCUS export" in refused("focus", "read", path)
    path = cost_file(tmp_path, [], head=HEAD.replace("BilledCost", "Cost").replace("ServiceName", "Name"))
    said = refused("focus", "read", path)
    assert "no column 'BilledCost'" in said
    assert "no column 'ServiceName'" in said
    path = cost_file(tmp_path, [row(1, BillingCurrency="EUR")])
    assert "--rate EUR=" in refused("focus", "read", path)
    assert "is not the value of a currency" in refused("focus", "read", path, "--rate", "EUR=x")
    path = cost_file(tmp_path, [row(1, ConsumedUnit="GB")])
    assert "nothing to write" in refused("focus", "read", path, "-o", tmp_path / "u.parquet")
    assert {file.name for file in tmp_path.iterdir()} == {"focus.csv"}
    assert "no such file" in refused("focus", "read", tmp_path / "gone.csv")


def test_usage_is_written_by_its_suffix(tmp_path: Path) -> None:
    """A file that ends in .csv held Parquet."""
    (tmp_path / "plan.yaml").write_text("purchasing: p\n", encoding="utf-8")
    found = []
    for name in ("used.csv", "used.parquet"):
        assert call("focus", "read", cost_file(tmp_path), "-o", tmp_path / name).code == 0
        found.append(
            call("bill", tmp_path / name, "--plan", tmp_path / "plan.yaml", "--json").document()["effective_usd"]
        )
    assert (tmp_path / "used.csv").read_text(encoding="utf-8").startswith('"provider","service","sku"')
    assert found[0] == pytest.approx(found[1])


USAGE = """provider,sku,region,start,end,quantity,team
aws,p5.48xlarge,us-east-1,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,2,search
aws,g6.xlarge,us-east-1,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,3,chat
"""
PLAN = "purchasing: p\ncommitments: [{kind: savings-plan, commitment: 50, discount: 0.3}]\n"


def test_a_commitment_that_does_not_suit_the_usage_is_said_with_the_files(tmp_path: Path) -> None:
    usage, plan = tmp_path / "usage.csv", tmp_path / "plan.yaml"
    usage.write_text(USAGE, encoding="utf-8")
    plan.write_text(PLAN.replace("commitment: 50", "commitment: 50, since: -9000h"), encoding="utf-8")
    said = refused("bill", usage, "--plan", plan)
    assert f"{usage} under {plan}: savings-plan: its term ends 240 h before the start" in said


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_bill_goes_out_and_comes_back(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "usage.csv").write_text(USAGE, encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    out = tmp_path / f"bill.{suffix}"
    words = ("bill", tmp_path / "usage.csv", "--plan", tmp_path / "plan.yaml")
    priced = call(*words, "--focus", out, "--json").document()
    checked = call("focus", "check", out, "--json")
    assert checked.code == 0
    assert checked.document()["broken"] == []
    told = call("focus", "read", out, "--json").document()
    for name in ("billed_usd", "effective_usd"):
        assert told[name] == pytest.approx(priced[name], abs=0.005)
    assert told["below_list_share"] == pytest.approx(1 - priced["effective_usd"] / priced["list_usd"], abs=1e-9)
    assert "one --plan" in refused(*words, "--plan", tmp_path / "plan.yaml", "--focus", out)
    assert "name it .parquet or .csv" in refused(*words, "--focus", tmp_path / "bill.txt")


def test_check_names_what_is_broken_and_fails(tmp_path: Path) -> None:
    said = call("focus", "check", cost_file(tmp_path))
    assert said.code == 1
    assert said.out.startswith("Breaks the rules: 11 rows")
    assert "PublisherName is missing" in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    assert "no FOCUS export" in refused("focus", "check", cost_file(tmp_path, ["1"], head="a"))


def test_what_was_paid_against_what_was_simulated(tmp_path: Path, home: Path, finished: Said) -> None:
    assert finished.code == 0
    (tmp_path / "usage.csv").write_text(USAGE, encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    out = tmp_path / "bill.parquet"
    assert call("bill", tmp_path / "usage.csv", "--plan", tmp_path / "plan.yaml", "--focus", out).code == 0
    same = call("focus", "compare", out, out, "--json").document()
    assert same["difference_usd"] == 0
    assert [row["sku"] for row in same["skus"]] == ["p5.48xlarge", "g6.xlarge"]
    told = call("focus", "compare", out, home / FOLDER, "--plan", "one", "--json").document()
    assert [row["sku"] for row in told["skus"]] == ["g6.xlarge"]
    assert [row["sku"] for row in told["only_actual"]] == ["p5.48xlarge"]
    assert told["skus"][0]["simulated"]["quantity"] == pytest.approx(730), "one machine all the time"
    assert len(told["provenance"]["inputs"]) == 2
    words = (
        "bill",
        home / FOLDER,
        "--run-plan",
        "one",
        "--plan",
        tmp_path / "plan.yaml",
        "--focus",
        tmp_path / "run.csv",
    )
    assert call(*words).code == 0, "simulated time begins on a day of its own"
    assert call("focus", "check", tmp_path / "run.csv", "--json").document()["broken"] == []
    assert "pass --plan with one of one, scaled" in refused("focus", "compare", out, home / FOLDER)
    assert "did you mean 'scaled'" in refused("focus", "compare", out, home / FOLDER, "--plan", "scled")
    assert "has no plans" in refused("focus", "compare", out, out, "--plan", "x")
    assert "no finished result" in refused("focus", "compare", out, tmp_path)
    other = cost_file(tmp_path)
    assert "--per-month" in refused("focus", "compare", other, out)
    page = tmp_path / "gap.html"
    assert call("focus", "compare", other, out, "--per-month", "--cost", "billed", "--html", page).code == 0
    assert "Simulated, not paid for" in page.read_text()
