"""Gates of every verb that has some, and the summary for a pull request that says which broke."""

import os
import re
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import call, refused, scenario
from support.focus_files import cost_file, row

from simcost.cli.main import main
from simcost.errors import InputError
from simcost.gates import parse_gate
from simcost.present.markdown import escaped
from simcost.studies.advising import command as advise
from simcost.studies.advising.result import Advice, AdvisedService
from simcost.studies.differences import command as diff
from simcost.studies.optimizing import command as optimize
from simcost.studies.plans import command as run
from simcost.studies.sensitivity import command as sensitivity
from simcost.studies.sweeps import command as sweep

PLANS = [
    {"name": name, "slo": {"met": met}, "quality": {"met": good}, "cost_usd": {"per_month": usd}}
    for name, met, good, usd in (("dear", True, None, 3042.0), ("misses", False, False, 100.0))
]
BEST = {"best": PLANS[0]}
NONE = {"best": None, "candidates": 4, "level": 0.95}
MISSES = {**NONE, "nearest": {"name": "one"}, "excluded": [{"count": 3, "reason": "misses it"}]}
MISSED = "no plan of 4 meets the SLO with 95 % confidence; 3 of them: misses it"
LIMITED = {**NONE, "nearest": None, "excluded": [{"count": 4, "reason": "takes more than the quota"}]}
TOO_DEAR = {**NONE, "budget": {"usd_per_month": 9.0}, "nearest": {"usd_per_month": 11.0, "over_budget_usd": 2.0}}
SHORT = {"best": None, "services": [{"name": "chat", **MISSES}, {"name": "search", **BEST}]}
FLIPS = {"base": {"verdict": "dear", "infeasible": None}, "flips": [{"path": "demand", "value": 1.5}]}
BILLS = {"difference_usd": 60.0, "before": {"usd": 1000.0}}


@pytest.mark.parametrize(
    ("verb", "document", "gate", "said"),
    [
        (run, {"plans": PLANS}, "slo", "SLO missed by misses"),
        (run, {"plans": PLANS}, "quality", "quality missed by misses"),
        (run, {"plans": PLANS}, "budget=$2,000", "budget of $2,000 a month exceeded by dear ($3,042)"),
        (run, {"plans": PLANS}, "budget=4000", ""),
        (run, {"plans": PLANS[:1]}, "slo", ""),
        (run, {"plans": [PLANS[1] | {"services": PLANS}, PLANS[0]]}, "slo", "SLO missed by misses (misses)"),
        (run, {"plans": [PLANS[1] | {"services": PLANS}]}, "quality", "quality missed by misses (misses)"),
        (optimize, BEST, "infeasible", ""),
        (optimize, BEST, "budget=4000", ""),
        (optimize, BEST, "budget=2000", "budget of $2,000 a month exceeded: the cheapest plan costs $3,042"),
        (
            optimize,
            BEST,
            "budget=3041.7",
            "budget of $3,042 a month exceeded: the cheapest plan costs $3,042, $0.30 more",
        ),
        (run, {"plans": PLANS[:1]}, "budget=3041.7", "budget of $3,042 a month exceeded by dear ($3,042, $0.30 more)"),
        (optimize, MISSES, "infeasible", MISSED),
        (optimize, MISSES, "budget=1e9", MISSED),
        (optimize, {**MISSES, "budget": {"usd_per_month": 9.0}}, "infeasible", MISSED),
        (optimize, SHORT, "infeasible", f"chat: {MISSED}"),
        (optimize, LIMITED, "infeasible", "no plan of 4 can be chosen; 4 of them: takes more than the quota"),
        (
            optimize,
            TOO_DEAR,
            "infeasible",
            "no plan meets the SLO within $9.00 a month: the cheapest that meets it costs $11.00",
        ),
        (sensitivity, FLIPS, "flip", "the decision flips within the range of demand at 1.5"),
        (sensitivity, FLIPS, "infeasible", ""),
        (sensitivity, {"base": {"infeasible": "no plan meets the SLO"}, "flips": []}, "flip", ""),
        (sensitivity, {"base": {"infeasible": "no plan is good"}, "flips": []}, "infeasible", "no plan is good"),
        (diff, BILLS, "increase=5%", "increase of $60.00 (6 %), more than 5 %"),
        (diff, BILLS, "increase=6%", ""),
        (diff, BILLS, "increase=50", "increase of $60.00 (6 %), more than $50.00"),
        (diff, {**BILLS, "difference_usd": -60.0}, "increase=0", ""),
    ],
)
def test_gates(verb: object, document: dict[str, object], gate: str, said: str) -> None:
    assert verb.broken(document, parse_gate(gate, verb.GATES)) == said  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("poor", "failed", "missing", "said"),
    [
        (0, 0, 0, "no plan meets the SLO"),
        (0, 0, 3, "no plan meets the SLO; 3 runs still to be made"),
        (0, 1, 0, "no plan meets the SLO; runs of 1 plan could not go on"),
        (1, 0, 0, "no plan that is good enough meets the SLO: `quality.at_least` excludes 1 of 2"),
        (2, 0, 0, "no plan is good enough: `quality.at_least` excludes all 2"),
    ],
)
def test_a_sweep_without_a_plan_to_choose_says_what_excludes_them(
    poor: int, failed: int, missing: int, said: str
) -> None:
    found = {"best": None, "plans": 2, "not_good_enough": poor, "failed": failed, "missing": missing}
    done, dry = SimpleNamespace(**found, expected_s=None), SimpleNamespace(**found, expected_s=1.0)
    for gate in ("infeasible", "budget=1e9"):
        assert sweep.broken(done, parse_gate(gate, sweep.GATES)) == said  # type: ignore[arg-type]
        assert sweep.broken(dry, parse_gate(gate, sweep.GATES)) == ""  # type: ignore[arg-type]


def test_gates_of_advice() -> None:
    none = dict.fromkeys(("verdict", "scenario", "plan", "provenance"), "p") | {"actions": (), "tried": ()}
    numbers = {"usd_per_month": 9.0, "least_saving_usd_per_month": 1.0, "level": 0.9, "replications": 1, "simulated": 1}
    advice = Advice(**none, **numbers, slo_met=False, total_saving_usd_per_month=5.0, assumptions=())  # type: ignore[arg-type]
    assert advise.broken(advice, parse_gate("slo", advise.GATES)) == "SLO missed by p"
    saves = {"usd_per_month": 9.0, "total_saving_usd_per_month": 0.0}
    services = tuple(AdvisedService(name=name, slo_met=name == "kept", **saves) for name in ("kept", "late"))
    apart = replace(advice, services=services)
    assert advise.broken(apart, parse_gate("slo", advise.GATES)) == "SLO missed by p (late)"
    assert advise.broken(advice, parse_gate("saving=4", advise.GATES)) == "$5.00 a month can be saved, more than $4.00"
    assert advise.broken(advice, parse_gate("saving=5", advise.GATES)) == ""


@pytest.mark.parametrize(
    "text",
    ["", "sl", "slo=1", "budget", "budget=", "budget=cheap", "budget=-1", "budget=nan", "budget=5%", "increase=x%"],
)
def test_bad_gates(text: str) -> None:
    with pytest.raises(InputError, match="--fail-on"):
        parse_gate(text, {**run.GATES, **diff.GATES})


@pytest.mark.usefixtures("no_pictures")
def test_a_summary_says_the_verdict_the_tables_and_the_gates_that_broke(tmp_path: Path) -> None:
    file, summary = scenario(tmp_path, ("name: one", "name: 'o|<b>'")), tmp_path / "summary.md"
    words = ("run", file, "--out", tmp_path / "out", "--quiet", "--fail-on", "budget=1", "--markdown", summary)
    said = call(*words)
    assert said.code == 1
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("### simcost run\n\n**")
    assert "**Gate broken:** budget of $1.00 a month exceeded by o\\|\\<b\\>" in text
    assert "<b>" not in text
    assert "| o\\|\\<b\\> |" in text
    assert "<details><summary>Assumptions</summary>" in text
    assert "another --out" in refused(*words[:-1], file) or "input" in refused(*words[:-1], file)


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_gate_breaks_also_where_no_one_reads_the_answer_to_its_end(tmp_path: Path, how: tuple[str, ...]) -> None:
    before, after = cost_file(tmp_path, [row(1)], name="a.csv"), cost_file(tmp_path, [row(1), row(2)], name="b.csv")
    summary, (read, write) = tmp_path / "summary.md", os.pipe()
    os.close(read)
    words = ("diff", before, after, "--fail-on", "increase=1", "--markdown", summary, *how)
    with os.fdopen(write, "w", encoding="utf-8") as closed, redirect_stdout(closed):
        assert main(list(map(str, words))) == 1
    assert "Gate broken" in summary.read_text(encoding="utf-8")


@given(st.text())
def test_no_text_has_a_meaning_in_markdown(text: str) -> None:
    found = escaped(text)
    assert "\n" not in found
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<>*_`#\[\]~]", found)
