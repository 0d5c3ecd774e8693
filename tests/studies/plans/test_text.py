"""The text that people read."""

from support.answers import CHEAP, DEAR, MISSES, PROVENANCE, of, runs
from support.shown import on_terminal

from simcost.compare import document
from simcost.present.format import NONE
from simcost.present.parts import provenance
from simcost.studies.plans.sections import parts
from simcost.studies.plans.tables import corrected, differences

text = on_terminal(parts)


def test_verdict_first_then_an_aligned_table() -> None:
    made = document(of(DEAR, CHEAP, MISSES), PROVENANCE, ["result.json", "tables/hours.parquet"])
    lines = text(made).splitlines()
    assert " ".join(lines[:2]) == made["verdict"] or lines[0] == made["verdict"]
    head = next(i for i, line in enumerate(lines) if "$/month" in line)
    assert lines[head].split()[-4:] == ["Attainment", "TTFT", "p95", "Over-provisioned"]
    dear, cheap, misses = lines[head + 2 : head + 5]
    assert dear.startswith("dear ")
    assert "baseline" in dear
    assert cheap.startswith("cheap ")
    assert "$1,825 ± $50" in cheap
    assert "-40.0 %" in cheap
    assert "met *" in cheap
    assert " missed " in misses
    assert misses.startswith("misses ")
    assert {len(line) for line in (dear, cheap, misses)} == {len(lines[head])}
    assert lines[head + 5].startswith("* the cheapest that meets the SLO; over-provisioned: ")
    assert "- misses: attainment 90 % (target 99 %) and TTFT p95 4.2 s (target 2 s)" in lines
    assert lines[-1] == "- tables/hours.parquet"


def test_the_level_of_an_interval_is_named_and_one_run_is_not_called_significant() -> None:
    many, alone = (document(of(one, other), PROVENANCE, []) for one, other in ((DEAR, CHEAP), (DEAR[:1], CHEAP[:1])))
    [row] = differences(many)
    assert [*row][2:4] == ["From (95 %)", "To (95 %)"]
    assert row["Significant"] == "yes"
    [row] = differences(alone)
    assert row["From (95 %)"] == NONE
    assert row["Significant"] == "one replication"


def test_an_interval_apart_from_zero_that_is_not_significant_is_explained() -> None:
    made = document(of(DEAR, CHEAP), PROVENANCE, [])
    assert corrected(made) == []
    made["differences"][0]["noise_explains"] = True
    assert corrected(made) == ["significant: corrected for 1 comparison (Holm); each interval is of its own plan alone"]


def test_it_fits_100_columns() -> None:
    long = runs("a very long plan name " * 5, [123456.0, 123999.0], [0.5])
    shown = text(document(of(DEAR[:2], long), PROVENANCE, ["x/" * 60]))
    assert max(len(line) for line in shown.splitlines() if "x/x/" not in line) <= 100
    assert "…" in shown


def test_each_price_stands_with_its_date_once() -> None:
    made = document(of(DEAR, CHEAP), PROVENANCE, [])
    shown = " ".join(text(made).split())
    usd = [row["usd"] for row in made["provenance"]["prices"]]
    least, most = min(usd), max(usd)
    assert f"acme/big: ${least:.5g} to ${most:.5g} per hour, price of 2026-07-20, quality A (test)." in shown
    assert shown.count("price of") == 1
    page = provenance(made)
    assert "prices" not in [row["What"] for row in page]
