"""The report of waste fits a terminal, and its charts draw."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import call, refused
from support.shown import on_terminal

from simcost.present.chart_style import ROWS, to_svg
from simcost.present.markdown import BEST
from simcost.studies.waste.charts import duty_heat, waste_bars
from simcost.studies.waste.recorded_advice import recorded_advice
from simcost.studies.waste.result import SampledWaste
from simcost.studies.waste.study import waste
from simcost.studies.waste.view import parts, ranked
from simcost.units import format_seconds

text = on_terminal(parts)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> SampledWaste:
    path = tmp_path_factory.mktemp("waste") / "gpus.csv"
    rows = [
        f"{3600 * t},a node with a name longer than a terminal is wide/{g},{g % 30},1e9,8e10"
        for g in range(60)
        for t in range(100)
    ]
    path.write_text("t_s,gpu,duty,memory_used_bytes,memory_total_bytes\n" + "\n".join(rows) + "\n")
    return waste(path, price_usd_per_h=1234.5)


def test_the_report_says_the_verdict_first_and_fits_a_terminal(result: SampledWaste) -> None:
    lines = text(result).splitlines()
    assert lines[0].startswith("85.5 % of 6,000 GPU-hours did no work: ")
    assert max(map(len, lines)) <= 100
    assert "unused memory †" in text(result)
    assert any(line.startswith("- share GPUs, all: saves $") for line in lines)


def test_names_cannot_move_the_cursor(result: SampledWaste) -> None:
    odd = replace(result, ranked=(replace(result.ranked[0], where="\x1b[2J"),))
    assert "\x1b" not in text(odd)


@pytest.mark.parametrize("draw", [waste_bars, duty_heat])
def test_charts_show_the_places_with_the_most_waste(result: SampledWaste, draw) -> None:
    chart = draw(result).to_dict()
    assert chart["title"]["subtitle"] == "By unit; the 24 with the most idle GPU-hours of 60."
    assert all(len(json.loads(rows)) <= ROWS for rows in chart["datasets"].values())


def test_a_chart_draws(result: SampledWaste) -> None:
    assert "allocated, idle" in to_svg(waste_bars(replace(result, places=result.places[:3])))


def test_measures_that_save_money_are_advice_a_month(result: SampledWaste) -> None:
    advice = recorded_advice(result)
    savings = [one.saving_usd_per_month for one in advice.actions]
    assert [one.mean for one in savings] == sorted((one.mean for one in savings), reverse=True)
    assert advice.largest_saving_usd_per_month == savings[0].mean > 0
    months = result.span_s / 3600 / 730
    for action, saving in zip(advice.actions, savings, strict=True):
        assert saving.lo <= saving.mean <= saving.hi
        assert action.slo_risk is None
        assert action.before.usd_per_month == pytest.approx(result.cost_usd / months)
        assert action.before.usd_per_month - action.after.usd_per_month == pytest.approx(saving.mean)
        assert (action.after.utilisation or 0) >= (action.before.utilisation or 0)


def test_advice_of_recorded_utilisation_is_a_command_with_a_gate(tmp_path: Path) -> None:
    path = tmp_path / "gpus.csv"
    path.write_text("t_s,gpu,duty\n" + "".join(f"{3600 * t},{g},{10 * (g < 2)}\n" for g in range(6) for t in range(48)))
    said = call("advise", path, "--price", 2, "--fail-on", "saving=1", "--json")
    assert said.code == 1
    assert "can be saved, more than $1.00" in said.err
    assert {"action", "saving_usd_per_month", "slo_risk", "confidence", "effort", "before", "after"} <= set(
        said.document()["actions"][0]
    )
    assert max(map(len, call("advise", path, "--price", 2).out.splitlines())) <= 100
    assert "latency" in refused("advise", path, "--price", 2, "--fail-on", "slo")
    assert "--plan is for scenarios" in refused("advise", path, "--price", 2, "--plan", "a")


def test_the_verdict_says_in_which_time_a_measure_saves(result: SampledWaste) -> None:
    """Money without its time is no saving: that of three days is not that of a month."""
    assert f" in these {format_seconds(result.span_s)}." in result.verdict


def test_no_row_of_waste_is_marked_as_a_winner(result: SampledWaste) -> None:
    assert not [cell for row in ranked(result) for cell in row.values() if cell.endswith(BEST)]


def test_one_owner_beyond_those_shown_has_its_name(tmp_path: Path) -> None:
    """The last row said `1 others`."""
    path = tmp_path / "owners.csv"
    rows = [f"{3600 * t},g{g},team {g},50" for g in range(21) for t in range(3)]
    path.write_text("t_s,gpu,owner,duty\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = waste(path, price_usd_per_h=2.0)
    assert {one.where for one in found.showback} == {f"team {g}" for g in range(21)}


def test_the_cost_of_owners_adds_up_to_the_bill(tmp_path: Path) -> None:
    """Who pays what of a shared cluster: `waste` showed the waste of each owner, and the cost of none."""
    path = tmp_path / "owners.csv"
    rows = [f"{3600 * t},g{g},{'nlp' if g < 3 else f'team {g}'},{20 * (g % 3)}" for g in range(30) for t in range(10)]
    path.write_text("t_s,gpu,owner,duty\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = waste(path, price_usd_per_h=2.0)
    first, *rest = found.showback
    assert (first.where, first.gpu_hours, first.usd) == ("nlp", pytest.approx(30), pytest.approx(60))
    assert (first.allocation, first.utilisation) == (pytest.approx(1), pytest.approx(0.2))
    assert first.wasted_usd == pytest.approx(48)
    assert rest[-1].where == "8 others"
    assert sum(one.usd for one in found.showback) == pytest.approx(found.cost_usd)
    assert "Cost by owner" in text(found)
