"""What to commit to: the closed form, the scan of all levels and the linear program agree; risk and budget hold."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import milp
from support.commands import refused

from simcost.billing.commitment import ReservedInstances, SavingsPlan, TakeOrPay
from simcost.billing.commitment.offered import offered
from simcost.billing.metering import Line
from simcost.catalog import load_catalog
from simcost.documents import values
from simcost.errors import InputError
from simcost.forecast.sample_paths import Paths
from simcost.scenario.storage.sample_paths import write_paths
from simcost.studies.commitments import optimizer
from simcost.studies.commitments.advise import advise
from simcost.studies.commitments.demand import CommitmentDemand, from_history, from_paths
from simcost.studies.commitments.optimizer import Aim, best_mix, pieces
from simcost.studies.commitments.study import (
    CommitmentRequest,
    best_amounts,
    break_even_demand,
    study,
)
from simcost.studies.commitments.view import mix
from simcost.trace.series.series import Grid

CATALOG = load_catalog()


def line(sku: str, usd: float) -> Line:
    return Line(provider="aws", sku=sku, region="r", list_usd=usd, contracted_usd=usd, as_of="", quality="given")


def demand(hours: Any, *prices: float) -> CommitmentDemand:
    values = np.asarray(hours, float)
    values = values.reshape(*values.shape[:2], -1)
    names = ["m5.xlarge", "c5.xlarge", "r5.xlarge"]
    lines = tuple(line(sku, usd) for sku, usd in zip(names, prices or (1.0,), strict=False))
    return CommitmentDemand(lines=lines, hours=values, source="test")


def asked(of: CommitmentDemand, *options: Any, **aim: Any) -> CommitmentRequest:
    return CommitmentRequest(demand=of, offered=offered(options), rates=CATALOG, aim=Aim(**aim))


def reserved(count: int, price: float) -> ReservedInstances:
    return ReservedInstances(sku="m5.xlarge", region="r", count=count, price=price)


def test_a_quantile_of_demand_as_in_the_worked_example(shared: Path) -> None:
    cases = json.loads((shared / "vectors/billing.json").read_text())["cases"]
    [case] = [case for case in cases if case["kind"] == "commitment_optimum"]
    given_, expected = case["input"], case["expected"]
    of = demand([given_["demand_units_per_h"]], given_["on_demand_usd_unit_h"])
    question = asked(of, reserved(20, given_["committed_usd_unit_h"]))
    found = best_amounts(question, question.options())
    assert found / 8 == expected["units"]  # an xlarge has 8 normalized units
    hours = len(given_["demand_units_per_h"])
    assert question.monthly(found).mean() / 730 * hours == pytest.approx(expected["cost_usd"], rel=1e-9)


levels = st.integers(0, 12)
hours = st.lists(st.lists(levels, min_size=2, max_size=2), min_size=4, max_size=20)


@given(hours, st.sampled_from([0.2, 0.37, 0.55, 0.7]))
def test_scan_settlement_and_program_agree(rows: list[list[int]], discount: float) -> None:
    of = demand([rows], 2.0, 3.0)
    plan = SavingsPlan(commitment=60.0, discount=discount)
    question = asked(of, plan)
    [option] = question.options()
    curve = pieces(option.bound, of.lines, of.pooled, of.pooled_usd)
    tried = np.array([0.0, 1.0, 7.5, 20.0, 60.0])
    on_demand = question.monthly(np.zeros(1)).mean()
    exact = [question.monthly(np.array([amount])).mean() - on_demand for amount in tried]
    assert curve.cost(tried) * 730 == pytest.approx(exact, abs=1e-6)
    scan, program = curve.best(60.0), best_mix(of, [option], Aim())
    costs = [question.monthly(np.array([amount])).mean() for amount in (scan, float(program[0]))]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6, abs=1e-6)
    assert min(costs) <= min(exact) + on_demand + 1e-6


def test_two_commitments_are_stacked_by_how_long_demand_lasts() -> None:
    """The lowest layer of demand takes the deep discount, a layer needed half the time only the shallow one."""
    of = demand([[10.0] * 60 + [4.0] * 40], 1.0)
    deep, shallow = reserved(20, 0.5), reserved(20, 0.7)
    question = asked(of, deep, shallow)
    found = best_amounts(question, question.options()) / 8
    assert found.tolist() == [10.0, 0.0]  # 60 % of the time beats the break-even of 50 %
    flat = demand([[10.0] * 45 + [4.0] * 55], 1.0)
    question = asked(flat, deep, shallow)
    assert (best_amounts(question, question.options()) / 8).tolist() == [4.0, 0.0]


def test_the_worst_futures_want_more_commitment_and_a_budget_caps_it() -> None:
    rng = np.random.default_rng(1)
    of = demand(rng.gamma(4, 2, (20, 1)) + rng.gamma(2, 1, (20, 24)), 1.0)
    plan = SavingsPlan(commitment=30.0, discount=0.2)
    calm, wary, capped = (
        asked(of, plan, **aim) for aim in ({}, {"weight": 1.0, "tail": 0.1}, {"budget_usd_per_h": 2.0})
    )
    amounts = [best_amounts(question, question.options())[0] for question in (calm, wary, capped)]
    assert amounts[1] > amounts[0] > amounts[2]
    assert amounts[2] == pytest.approx(2.0)
    worst = [np.sort(calm.monthly(np.array([amount])))[-2:].mean() for amount in amounts]
    assert worst[1] == min(worst)


@pytest.mark.parametrize("aim", [{}, {"weight": 1.0}])
def test_many_futures_keep_their_nights(aim: dict[str, float]) -> None:
    """A unit that is needed 16 of 24 hours does not pay at a break-even of 72 %, however many futures there are."""
    of = demand([[10.0] * 10 + [6.0] * 6 + [2.0] * 8] * 250, 1.0)
    plans = [SavingsPlan(name=name, commitment=20.0, discount=0.28) for name in ("first", "second")]
    question = asked(of, *plans, **aim)
    assert best_amounts(question, question.options()).sum() == pytest.approx(2 * 0.72)


def test_the_mean_over_the_worst_futures_counts_a_part_of_the_last_one() -> None:
    of = demand([[float(n)] * 48 for n in (1, 2, 4, 8)], 1.0)
    found = study(asked(of, SavingsPlan(commitment=0.5, discount=0.01), weight=1.0, tail=0.375), of)
    assert found.cvar_usd_per_month == pytest.approx(730 * (8 + 0.5 * 4) / 1.5, rel=1e-2)
    sure = study(asked(of, SavingsPlan(commitment=0.5, discount=0.01), weight=1.0, tail=0.1), of)
    assert sure.cvar_usd_per_month == pytest.approx(730 * 8, rel=1e-2)


def test_what_the_solver_prints_on_its_own_does_not_reach_stdout(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """HiGHS 1.12 prints a line of its own where it repairs a solution; it would end up before a JSON document."""

    def loud(*args: Any, **options: Any) -> Any:
        os.write(1, b"HighsMipSolverData::transformNewIntegerFeasibleSolution\n")
        return milp(*args, **options)

    monkeypatch.setattr(optimizer, "milp", loud)
    of = demand([[3.0] * 48] * 4, 10.0)
    best_mix(of, asked(of, reserved(2, 5.0)).options(), Aim())
    assert capfd.readouterr().out == ""


def test_a_budget_below_one_instance_is_why_nothing_is_bought() -> None:
    of = demand([[3.0] * 48] * 10, 10.0)
    found = {budget: study(asked(of, reserved(2, 5.0), budget_usd_per_h=budget), of) for budget in (None, 4.0)}
    assert found[None].verdict.startswith("Buy ")
    assert found[4.0].verdict.startswith("Commit to nothing: no option within $4.00/h beats on demand, $21,900 a month")


def test_the_document_says_what_is_risked() -> None:
    rng = np.random.default_rng(2)
    of = demand(rng.poisson(6.0, (10, 48)), 4.0)
    found = study(asked(of, SavingsPlan(name="plan", commitment=40.0, discount=0.3)), of)
    assert found.saving_usd_per_month.mean > 0
    assert found.cost_usd_per_month.mean == pytest.approx(
        found.on_demand_usd_per_month.mean - found.saving_usd_per_month.mean
    )
    assert all(fall.regret_usd_per_month >= -1e-6 for fall in found.falls)
    assert found.recommended[0].break_even_utilisation == pytest.approx(0.7)
    curve = [point.usd_per_month for point in found.curves["plan"]]
    assert min(curve) >= found.cost_usd_per_month.mean - 1e-6
    assert "plan" in found.verdict


def weekly(count: int, change: float = 0.0) -> CommitmentDemand:
    """Weeks of 4 by day and 2 by night, each so many more than the one before."""
    week = np.tile(np.where((np.arange(24) >= 8) & (np.arange(24) < 20), 4.0, 2.0), 7)
    hours = np.concatenate([week + change * i for i in range(count)])
    return from_history(demand([hours]).account(hours[:, None]))


def test_alike_weeks_are_no_certainty_and_the_loss_leads() -> None:
    """Three years on four weeks that repeat: no interval, no `every future`; what a fall of demand costs leads."""
    of = weekly(4)
    found = study(asked(of, SavingsPlan(name="plan", commitment=40.0, discount=0.45, years=3)), of)
    assert values(found.evidence) == {
        "kind": "history",
        "pieces": "weeks",
        "futures": 4,
        "distinct_futures": 1,
        "days": 28.0,
        "longest_term_years": 3,
    }
    said = found.verdict
    for words in (
        "in each of its 4 weeks, which are all alike: they do not show how demand may change",
        "Behind a term of 3 years stand 28 days of history.",
    ):
        assert words in said
    assert "every future" not in said
    assert "nine of ten" not in said
    assert said.index("If demand falls by more than") < said.index("it saves")
    varied = weekly(4, 0.5)
    said = study(asked(varied, SavingsPlan(name="plan", commitment=40.0, discount=0.45)), varied).verdict
    assert " in its 4 weeks" in said
    assert "Behind a term of a year stand 28 days of history." in said


@given(st.lists(st.integers(0, 9), min_size=4, max_size=30), st.sampled_from([0.2, 0.45, 0.7]))
@settings(max_examples=25, deadline=None)
def test_at_the_break_even_demand_the_mix_costs_what_on_demand_does(level: list[int], discount: float) -> None:
    of = demand([level])
    question = asked(of, SavingsPlan(commitment=20.0, discount=discount))
    amounts = best_amounts(question, question.options())
    even = break_even_demand(question, amounts)
    if even is None:
        assert not amounts.any() or question.monthly(amounts).mean() >= question.monthly(0 * amounts).mean() - 1e-9
        return
    for factor, sign in ((even + 2e-3, 1), (even - 2e-3, -1)):
        less = of.scaled(factor)
        saved = question.monthly(0 * amounts, less).mean() - question.monthly(amounts, less).mean()
        assert sign * saved >= -1e-9


@pytest.mark.parametrize(
    ("early", "late", "told"),
    [(6, 2, "this loses"), (2, 6, "85.7 % more"), (6, 6, None)],
)
def test_an_end_of_the_history_that_is_unlike_its_mean_is_told_with_its_money(
    early: int, late: int, told: str | None
) -> None:
    """Nine weeks of one level, then four of another; the break-even is 65 %."""
    weeks = np.array([early] * 9 + [late] * 4, float)
    hours = np.repeat(weeks, 168)
    of = from_history(demand([hours]).account(hours[:, None]))
    advice = study(asked(of, reserved(10, 0.65)), None)
    assert advice.recent is not None
    [found] = advice.recommended
    assert advice.recent.demand == pytest.approx(late / weeks.mean())
    assert advice.recent.saving_usd_per_month == pytest.approx(730 * (min(found.amount, late) - 0.65 * found.amount))
    assert advice.recent.best == {found.name: late}
    assert advice.recent.best_saving_usd_per_month == pytest.approx(730 * 0.35 * late)
    assert ("But the last 28 days" in advice.verdict) == (told is not None)
    assert told is None or told in advice.verdict


def test_where_nothing_pays_at_any_time_the_end_of_the_history_is_not_told() -> None:
    hours = np.repeat([6.0] * 9 + [2.0] * 4, 168)
    advice = study(asked(from_history(demand([hours]).account(hours[:, None])), reserved(10, 1.0)), None)
    assert advice.verdict.startswith("Commit to nothing")
    assert "But the last" not in advice.verdict


def test_a_short_history_has_no_end_of_its_own() -> None:
    assert study(asked(weekly(7), reserved(10, 0.65)), None).recent is None


def futures(values: Any, step_h: int) -> CommitmentDemand:
    """Sample paths of requests, 50 an hour to an instance."""
    grid = Grid(start_s=0, step_s=3600 * step_h)
    one = Paths(series="aws/m5.xlarge", quantity="requests", grid=grid, values=np.asarray(values, float))
    return from_paths([one], {"aws/m5.xlarge": line("m5.xlarge", 1.0)}, 50.0)


def test_futures_of_a_forecast_and_pieces_of_a_history() -> None:
    found = futures([[200.0, 90.0] * 6, [20.0, 400.0] * 6], 2)
    assert found.hours[:, :, 0].tolist() == [[2, 2, 1, 1] * 6, [1, 1, 4, 4] * 6]
    account = found.account(np.arange(24.0 * 5 + 3)[:, None])
    pieces_ = from_history(account)
    assert pieces_.hours.shape == (5, 24, 1)
    assert pieces_.hours[-1, -1, 0] == 24 * 5 + 2
    assert pieces_.notes == ("The first 3 h of the usage are left out, so that the history has whole days.",)
    assert not from_history(found.account(np.ones((48, 1)))).notes
    with pytest.raises(InputError, match="at least two days"):
        from_history(found.account(np.ones((30, 1))))


@pytest.mark.parametrize(("quantity", "instances"), [("requests", 0.5), ("gpus_busy", 12.0), ("value", 0.5)])
def test_steps_of_averages_are_not_shared_among_their_hours(quantity: str, instances: float) -> None:
    grid = Grid(start_s=0, step_s=24 * 3600)
    days = Paths(series="aws/m5.xlarge", quantity=quantity, grid=grid, values=np.full((1, 2), 12.0))
    assert from_paths([days], {"aws/m5.xlarge": line("m5.xlarge", 1.0)}, 1.0).hours.tolist() == [[[instances]] * 48]


def test_paths_that_begin_at_different_times_are_told() -> None:
    """The night of one instance type met the day of another: a savings plan for both looked safer than it is."""
    first, later = (
        Paths(series=name, quantity="value", grid=Grid(start_s=start_s, step_s=3600), values=np.ones((2, 24)))
        for name, start_s in (("a", 0), ("b", 9 * 3600))
    )
    lines = {name: line("m5.xlarge", 1.0) for name in ("a", "b")}
    assert from_paths([first, replace(later, grid=first.grid)], lines, 1.0).notes == ()
    [note] = from_paths([first, later], lines, 1.0).notes
    assert note.startswith("The paths of b begin 9 h after those of a; here both begin at once")


def test_what_a_forecast_does_not_see_is_told() -> None:
    """Half a day says nothing of the night, and a day as one step has no hours."""
    [half] = futures(np.full((3, 12), 50.0), 1).notes
    assert half.startswith("The paths reach 12 h, and a commitment is paid day and night: it may save far less")
    assert not futures(np.full((3, 24), 50.0), 1).notes
    [uneven] = futures(np.full((3, 36), 50.0), 1).notes
    assert uneven == "The paths reach 36 h, which are not whole days: some hours of the day count more than others."
    days = futures(np.full((3, 2), 1200.0), 24)
    assert study(asked(days, reserved(10, 0.65)), None).assumptions[1].startswith("The paths have steps of 24 h, over")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ((), ""),
        (range(30, 50), "20 hours of the usage have no row, at most 20 in a row, from 2026-01-02T06:00:00Z"),
        ((30, 31, 60), "3 hours of the usage have no row, at most 2 in a row, from 2026-01-02T06:00:00Z"),
    ],
)
def test_hours_of_which_the_usage_says_nothing_are_told(tmp_path: Path, gone: Any, said: str) -> None:
    """They count as hours without usage, which lowers what to commit: rows may be missing."""
    times = [f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z" for hour in range(96) if hour not in gone]
    usage = tmp_path / "usage.csv"
    usage.write_text("sku,region,hour,quantity\n" + "".join(f"aws/x.large,r,{time},0\n" for time in times[:5]))
    with usage.open("a") as file:
        file.writelines(f"aws/x.large,r,{time},2\n" for time in times[5:])
    options = tmp_path / "options.yaml"
    options.write_text(
        "prices: {aws/x.large: $2/h}\n"
        "commitments:\n  - {kind: reserved-instances, sku: x.large, region: r, count: 4, discount: 40%}\n"
    )
    found = advise(options, usage=usage, paths=None, mapping={})
    assert [one["message"].partition(":00Z")[0] + ":00Z" for one in found.findings] == ([said] if said else [])


def test_usage_that_is_in_no_figure_is_told(tmp_path: Path) -> None:
    """Spot and disks are never covered, and instances that are not forecast may be most of the bill."""
    usage = tmp_path / "usage.csv"
    rows = [f"aws/g6e.xlarge,us-east-1,2026-01-0{day}T{hour:02d}:00:00Z,3" for day in (1, 2) for hour in range(24)]
    usage.write_text("sku,region,hour,quantity\n" + "\n".join(rows) + "\n")
    options = tmp_path / "options.yaml"
    options.write_text("commitments:\n  - {kind: savings-plan, commitment: $9/h, discount: 40%}\n")
    assert not advise(options, usage=usage, paths=None, mapping={}).findings
    grid = Grid(start_s=0, step_s=3600)
    paths = Paths(series="aws/p5.48xlarge", quantity="value", grid=grid, values=np.ones((2, 24)))
    write_paths(tmp_path / "paths.parquet", [paths], {})
    [left] = advise(options, usage=usage, paths=tmp_path / "paths.parquet", mapping={}).findings
    assert left["message"].startswith("the usage has aws/g6e.xlarge, of which the paths have no series")
    usage.write_text(
        "sku,region,start,end,quantity,pricing,price\n"
        "aws/g6e.xlarge,us-east-1,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,3,,\n"
        "aws/g6e.2xlarge,us-east-1,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,3,spot,0.9\n"
        "aws/storage,us-east-1,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,500,,\n"
    )
    [left] = advise(options, usage=usage, paths=None, mapping={}).findings
    assert left["count"] == 2
    assert "covers spot (aws/g6e.2xlarge) nor disks, traffic, tokens and the like (aws/storage)" in left["message"]


def test_what_is_due_in_advance_is_shown(tmp_path: Path) -> None:
    """A year of two machines at $1/h: all, half or nothing of it is due when they are bought."""
    usage = tmp_path / "usage.csv"
    times = [f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z" for hour in range(48)]
    usage.write_text("sku,region,hour,quantity\n" + "".join(f"aws/x.large,r,{time},2\n" for time in times))
    options = tmp_path / "options.yaml"
    for upfront, due in (("all", 2 * 8760.0), ("partial", 8760.0), ("none", 0.0)):
        options.write_text(
            "prices: {aws/x.large: $2/h}\ncommitments:\n"
            f"  - {{kind: reserved-instances, sku: x.large, region: r, count: 4, discount: 50%, upfront: {upfront}}}\n"
        )
        found = advise(options, usage=usage, paths=None, mapping={})
        assert found.recommended[0].amount == 2
        assert found.recommended[0].upfront_usd == pytest.approx(due)
        assert ("due at once" in mix(found)[0]) == (due > 0)
        assert any("without interest" in text for text in found.assumptions) == (due > 0)


def test_an_option_that_runs_already_is_told() -> None:
    """A year that began 300 days before has 65 days left, and is no decision any more."""
    of = demand([[1.0] * 48])
    running = ReservedInstances(sku="m5.xlarge", region="r", count=1, price=0.5, since=-300 * 86400.0, name="old")
    told = [line for line in study(asked(of, running), None).assumptions if line.startswith("old began 300 d before")]
    assert len(told) == 1
    assert "its term ends 65 d after the start" in told[0]
    assert not any("began" in line for line in study(asked(of, reserved(1, 0.5)), None).assumptions)


def test_an_option_that_covers_nothing_of_the_demand_is_told() -> None:
    """A reserved instance of another type was "not worth it": no option beats on demand."""
    of = demand([[1.0] * 48])
    other = ReservedInstances(sku="p5.48xlarge", region="r", count=1, price=0.5, name="p5")
    advice = study(asked(of, other), None)
    assert "p5: covers nothing of this demand" in " ".join(advice.assumptions)
    assert not any("covers nothing" in line for line in study(asked(of, reserved(1, 0.5)), None).assumptions)
    whole = TakeOrPay(provider="aws", sku="m5.xlarge", region="r", count=1, price=0.5, length=86400.0)
    with pytest.raises(InputError, match=r"take-or-pay is bought as a whole.*simcost bill.*--plan"):
        offered([whole])


@pytest.mark.parametrize("tail", ["0", "0%", "-1", "x"])
def test_a_tail_of_nothing_is_no_share_of_the_futures(tmp_path: Path, tail: str) -> None:
    """Of 0 it was a division by zero."""
    said = refused("commit", tmp_path / "usage.csv", "--options", tmp_path / "options.yaml", f"--tail={tail}")
    assert "argument --tail: " in said
