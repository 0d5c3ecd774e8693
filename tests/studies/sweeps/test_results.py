"""`simcost results` and `simcost clean`: plans of sweeps and runs, and what may go."""

import os
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.commands import TINY, call, contents, refused, scenario

from simcost.errors import InputError
from simcost.scenario.storage import engine_version
from simcost.scenario.sweeps.dataset import compact, with_heads
from simcost.scenario.sweeps.rows import ResultRows, by_plan
from simcost.studies.results.charts import points
from simcost.studies.results.study import ResultQuery, selected
from simcost.studies.results.view import parts
from simcost.studies.sweeps.study import ranked

SWEEP = "sweep: {matrix: {scaling.replicas: [1, 2, 3]}}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep, a finished run of the same scenario, and something of the user's."""
    folder = tmp_path_factory.mktemp("results")
    file = scenario(folder, text=TINY.partition("  - name: scaled")[0] + SWEEP)
    assert call("sweep", file, "-o", folder / "all" / "sweep", "--quiet").code == 0
    assert call("run", file, "--out", folder / "all" / "run", "--quiet").code == 0
    (folder / "all" / "mine").mkdir()
    (folder / "all" / "mine" / "notes.txt").write_text("keep")
    return folder / "all"


def results(*words: object) -> dict[str, Any]:
    said = call("results", *words, "--json", "--quiet")
    assert said.code == 0, said.err
    return said.document()


def test_plans_are_means_of_their_runs_filtered_and_ranked(place: Path) -> None:
    runs = results(place / "sweep", "--each-run")["rows"]
    plans = results(place / "sweep", "--sort", "scaling.replicas", "--desc")
    assert [row["scaling.replicas"] for row in plans["rows"]] == [3, 2, 1]
    for row in plans["rows"]:
        mine = [run for run in runs if run["plan"] == row["plan"]]
        assert row["runs"] == len(mine) == 2
        assert row["cost_usd"] == pytest.approx(sum(run["cost_usd"] for run in mine) / 2)
        assert row["met_share"] == sum(run["met"] for run in mine) / 2
    some = results(place / "sweep", "--where", "scaling.replicas in (1, 3)", "--columns", "plan,cost_usd", "--top", 1)
    assert (some["found"], some["of"], len(some["rows"])) == (2, 3, 1)
    assert list(some["rows"][0]) == ["plan", "cost_usd"]


def test_a_sweep_that_is_not_finished_says_so_wherever_its_rows_are_read(tmp_path: Path) -> None:
    """A plan with one of two runs is not one that meets the SLO in all its runs."""
    file, out = scenario(tmp_path, text=TINY.partition("  - name: scaled")[0] + SWEEP), tmp_path / "out"
    said = call("sweep", file, "-o", out, "--quiet", "--json", "--limit", 3)
    assert said.code == 0
    assert "the 1 plan (3 in all) whose runs are all there" in said.document()["verdict"]
    assert "Still to be made: 3 runs" in said.document()["verdict"]
    found = results(out)
    assert (found["missing"], found["found"]) == (3, 2)
    assert "Still to be made: 3 runs" in found["verdict"]
    checked = call("verify", out, "--quiet", "--json").document()
    assert (checked["rows"], checked["missing"], checked["ok"]) == (3, 3, True)
    assert "3 runs still to be made" in checked["verdict"]
    assert call("sweep", file, "-o", out, "--quiet").code == 0
    assert results(out)["missing"] == call("verify", out, "--quiet", "--json").document()["missing"] == 0


def test_of_several_folders_the_one_that_cannot_be_read_is_named(place: Path, tmp_path: Path) -> None:
    copytree(place, tmp_path / "all")
    (tmp_path / "all" / "run" / "result.json").write_text("{}")
    assert "all/run: its results cannot be read (result.json does not fit" in refused("results", tmp_path / "all")


@pytest.mark.slow
def test_a_field_that_has_texts_in_one_of_two_sweeps_has_texts_in_both(tmp_path: Path) -> None:
    """A sweep over `true` and `false` is read beside one in which a mapping takes the place of `true`."""
    text = TINY.partition("  - name: scaled")[0]
    for name, values in (("plain", "[false, true]"), ("mapped", "[false, {hit_share: 0.5}]")):
        file = scenario(tmp_path, text=f"{text}sweep: {{matrix: {{prefix_cache: {values}}}}}\n")
        assert call("sweep", file, "-o", tmp_path / "all" / name, "--quiet").code == 0
    found = [row["prefix_cache"] for row in results(tmp_path / "all")["rows"]]
    assert len(found) == 4
    assert found.count("False") == 2
    assert found.count("True") == 1


def test_a_run_and_a_sweep_of_the_same_plan_have_the_same_figures(place: Path) -> None:
    every = results(place, "--where", "folder = 'run' or scaling.replicas = 1")["rows"]
    assert {row["folder"] for row in every} == {"run", "sweep"}
    assert len({(row["cost_usd"], row["attainment"], row["ttft_p95_s"]) for row in every}) == 1


def test_rows_of_a_run_beside_those_of_a_sweep_have_the_name_of_their_plan(place: Path) -> None:
    assert results(place)["shown"][:2] == ["folder", "plan"]
    assert results(place / "sweep")["shown"][:2] == ["base", "scaling.replicas"]


def test_a_share_of_runs_is_named_for_what_it_is(place: Path) -> None:
    head = call("results", place / "sweep", "--quiet").out.splitlines()[2]
    assert "runs meeting SLO" in head
    assert "SLO met" in call("results", place / "sweep", "--each-run", "--quiet").out.splitlines()[2]


def test_rows_are_exported_as_they_are(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "best.parquet"
    document = results(place / "sweep", "--where", "scaling.replicas < 3", "-o", out)
    assert pq.ParquetFile(out).read().to_pylist() == document["rows"]
    assert results(out)["found"] == 2
    assert call("results", place / "sweep", "-o", tmp_path / "best.csv").code == 0
    assert (tmp_path / "best.csv").read_text().count("\n") == 4
    inside = place / "sweep" / "runs" / "best.parquet"
    assert "among the rows of a sweep" in refused("results", place / "sweep", "-o", inside)
    assert "ends in neither .parquet nor .csv" in refused("results", place / "sweep", "-o", tmp_path / "best.xls")


def test_plans_are_drawn_by_cost_and_service(place: Path, tmp_path: Path) -> None:
    page, picture = tmp_path / "plans.html", tmp_path / "plans.svg"
    assert call("results", place / "sweep", "--html", page, "--svg", picture, "--quiet").code == 0
    assert "Filled: meets the SLO" in picture.read_text(encoding="utf-8")
    assert "Cost (USD per month)" in page.read_text(encoding="utf-8")
    said = refused("results", place / "sweep", "--columns", "plan,cost_usd", "--svg", picture)
    assert "nothing to draw" in said, "of other columns there are no points"


def test_what_is_no_result_is_refused(place: Path, tmp_path: Path) -> None:
    assert "holds no results" in refused("results", tmp_path)
    assert "no such file or folder" in refused("results", tmp_path / "none")
    assert "did you mean 'cost_usd'" in refused("results", place / "sweep", "--sort", "cost_us")
    (tmp_path / "x.parquet").write_text("no")
    assert "cannot be read" in refused("results", tmp_path / "x.parquet")
    table = place / "run" / "tables" / "runs.parquet"
    assert "(no rows of a sweep or of `simcost results -o`); name a folder" in refused("results", table)
    assert results(place / "sweep", "--columns", " plan, runs ")["rows"][0]["runs"] == 2


def test_clean_removes_what_other_engines_made_and_nothing_else(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(place)
    (place / "linked").symlink_to(place / "run")
    (place / "run" / "runs" / "linked").symlink_to(place / "mine")
    assert call("clean", place, "--stale", "--json").document()["removals"] == []
    draft = place / "run" / ".draft-00"
    draft.mkdir()
    assert call("clean", place, "--json").document()["removals"] == [], "it may be of a process that runs"
    os.utime(draft, (0, 0))
    monkeypatch.setattr("simcost.studies.cleaning.study.engine_version", lambda: "another")
    dry = call("clean", place, "--stale", "--dry-run", "--json").document()
    assert contents(place) == before
    done = call("clean", place, "--stale", "--json").document()
    assert done["removals"] == dry["removals"]
    assert done["freed_bytes"] == sum(removal["bytes"] for removal in done["removals"]) > 0
    left = {name: found for name, found in before.items() if not name.startswith("run/runs/")}
    assert contents(place) == left, "the rows of a sweep are its result"
    assert not draft.exists()
    assert (place / "run" / "runs" / "linked").is_symlink()
    assert engine_version.engine_version()


def test_clean_removes_rows_of_other_engines_that_a_sweep_keeps_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for values in ("[1, 2, 3]", "[3]"):
        text = TINY.partition("  - name: scaled")[0] + f"sweep: {{matrix: {{scaling.replicas: {values}}}}}\n"
        assert call("sweep", scenario(tmp_path, text=text), "-o", tmp_path / "out", "--quiet").code == 0
    monkeypatch.setattr("simcost.studies.cleaning.study.engine_version", lambda: "another")
    [removal] = call("clean", tmp_path, "--stale", "--json").document()["removals"]
    assert Path(removal["path"]).parent == tmp_path / "out" / "others"
    assert results(tmp_path / "out")["found"] == 1


@pytest.mark.usefixtures("no_pictures")
def test_clean_of_old_runs_keeps_results(place: Path, tmp_path: Path) -> None:
    file = scenario(tmp_path)
    assert call("run", file, "--out", tmp_path / "out", "--quiet").code == 0
    runs = sorted((tmp_path / "out" / "runs").iterdir())
    os.utime(runs[0] / "ledger.json", (0, 0))
    said = call("clean", tmp_path, "--older-than", "30d", "--json").document()
    assert [removal["path"] for removal in said["removals"]] == [str(runs[0])]
    assert sorted((tmp_path / "out" / "runs").iterdir()) == runs[1:]
    assert (tmp_path / "out" / "result.json").is_file()
    assert "is not a folder" in refused("clean", file)


def test_a_plan_of_which_a_run_could_not_go_on_does_not_meet_the_slo_in_all_its_runs() -> None:
    runs = {
        "plan": ["cheap", "cheap", "sure", "sure"],
        "cost_usd_per_month": [1.0, None, 5.0, 7.0],
        "met": [True, None, True, True],
        "error": [None, "the plan cannot carry this load", None, None],
    }
    plans = ranked(by_plan(ResultRows(table=pa.table(runs), heads=frozenset(["plan"]))).to_pylist(), None)
    assert [(row["plan"], row["met_share"], row["failed"]) for row in plans] == [("sure", 1.0, 0), ("cheap", 0.5, 1)]
    assert [row["cost_usd_per_month"] for row in plans] == [6.0, None], "as in the result of a run"


def test_rows_that_may_be_whole_and_cannot_be_read_now_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file is made again; one that the system refuses may be whole, and compaction removed it too."""
    rows = tmp_path / "runs" / "part.parquet"
    rows.parent.mkdir()
    rows.write_bytes(b"whole")

    def denied(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pq, "ParquetFile", denied)
    with pytest.raises(InputError, match=r"part\.parquet: cannot be read .*Permission denied.*nothing was changed"):
        compact([], pa.schema([]), tmp_path)
    assert rows.read_bytes() == b"whole"


def test_a_folder_of_a_sweep_is_not_taken_for_that_of_a_run(place: Path, tmp_path: Path) -> None:
    """The message named `simcost run --out` with the folder of the sweep, and that mixed both in it."""
    folder = copytree(place / "sweep", tmp_path / "sweep")
    for words in (("report", folder, "-o", tmp_path / "x.md"), ("diff", folder, folder), ("open", folder)):
        assert "is the folder of a sweep" in refused(*words)
    file = scenario(tmp_path, text=TINY)
    assert "holds a sweep; name another folder with --out" in refused("run", file, "--out", folder)


def test_plans_stand_in_the_order_of_their_first_runs() -> None:
    """From some 60 plans on they came in an order of their own: `--top 20` left some of the first out."""
    names = [f"plan {i:03}" for i in range(200) for _ in range(3)]
    runs = pa.table({"plan": names, "replication": [0, 1, 2] * 200, "cost_usd": [1.0] * 600})
    plans = by_plan(ResultRows(table=runs, heads=frozenset(["plan"])))
    assert plans["plan"].to_pylist() == sorted(set(names))
    assert "place of the row" not in "".join(plans.column_names)


def test_the_chart_has_all_plans_of_which_the_table_lists_the_first(tmp_path: Path) -> None:
    """Of 30 plans the chart had the first 20, as the table in the terminal, and did not say so."""
    plans = {"plan": [f"p{i:02}" for i in range(30)], "cost_usd_per_month": [float(i) for i in range(30)]}
    pq.write_table(with_heads(pa.table(plans | {"attainment": [0.99] * 30}), ["plan"]), tmp_path / "plans.parquet")
    found = selected(tmp_path / "plans.parquet", ResultQuery(listed=20))[1]
    assert found.verdict == "30 plans, the first 20 of them."
    assert len(parts(found)[0].rows or ()) == 20
    assert len(points(found)) == 30
    said = call("results", tmp_path / "plans.parquet", "--svg", tmp_path / "plans.svg", "--quiet")
    assert said.code == 0
    assert said.out.count("p1") == 10
    assert "p20" not in said.out
