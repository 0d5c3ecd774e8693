"""The explorer without a browser: choose, edit, run, remember."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support import editor
from support.home import APP, TINY, furnish, settle

from simcost.scenario.files.edit import values
from simcost.scenario.runs.run import run
from views import drafts, levers

pytestmark = pytest.mark.slow

STALE = "Shows the scenario before your last change"
VERDICT = "one L4, the baseline, is the cheapest plan that meets the SLO"


class Slow:
    """Stands in for the run of a scenario: reports progress until it may go on."""

    def __init__(self) -> None:
        self.calls, self.go = 0, threading.Event()

    def __call__(self, loaded: Any, out: Path, *, progress: Any, **_: Any) -> Any:
        self.calls += 1
        while not self.go.wait(0.01):
            progress(0.25, "1 of 4 runs")
        return run(loaded, out)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("explorer") / "home")


@pytest.fixture
def page(home: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    return AppTest.from_file(str(APP), default_timeout=60).run()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Runs that go on until they are let go."""
    monkeypatch.setattr("views.background.QUICK_S", 0.0)
    runs = Slow()
    monkeypatch.setattr("simcost.scenario.runs.run.run", runs)
    yield runs
    runs.go.set()


def labelled(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


def badges(page: AppTest) -> str:
    return " ".join(one.value for one in page.markdown if "-badge[" in one.value)


def edit(page: AppTest, old: str, new: str) -> AppTest:
    assert old in TINY
    return editor.write(page, TINY.replace(old, new))


def written(folder: Path) -> dict[str, int]:
    """Time at which each simulation of a result was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.glob("runs/*/ledger.json")}


def leftovers(home: Path) -> list[str]:
    return [path.name for path in (home / "scenarios").iterdir() if path.name != "tiny.yaml"]


def test_scenarios_are_listed_and_a_sound_one_can_run(page: AppTest) -> None:
    assert page.selectbox[0].options == ["tiny"]
    assert editor.shown(page)["text"] == TINY
    assert not page.error
    assert not button(page, "Run").disabled
    assert page.info[0].value == "This scenario has no result yet. Press Run."


def test_a_fault_is_shown_with_its_line_and_stops_the_run(page: AppTest, home: Path) -> None:
    edit(page, "    scaling: {kind: fixed, replicas: 1}", "    scalling: {kind: fixed, replicas: 1}")
    line = TINY.splitlines().index("    scaling: {kind: fixed, replicas: 1}") + 1
    assert any(f"Line {line}, column" in error.value and "scaling" in error.value for error in page.error)
    assert any("scalling: {kind: fixed" in code.value for code in page.code)
    assert page.info[0].value.endswith("Correct the faults above, then press Run."), "Run cannot be pressed"
    assert button(page, "Run").disabled
    assert not page.exception
    assert leftovers(home) == []


@pytest.mark.parametrize("text", ["", "{", "- \t: [", "scenario: 1", "\x00", "a: &a [*a, *a]", "🙂"])
def test_any_text_gives_messages_and_never_a_traceback(page: AppTest, home: Path, text: str) -> None:
    editor.write(page, text)
    assert page.error
    assert not page.exception
    assert button(page, "Run").disabled
    assert leftovers(home) == []


@pytest.mark.parametrize("path", ["../secret.parquet", "/etc/hostname"])
def test_an_edited_scenario_reads_traces_in_the_folder_of_scenarios_only(page: AppTest, path: str) -> None:
    edit(
        page,
        "kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}",
        f"kind: trace\n  path: {path}",
    )
    assert page.error
    assert button(page, "Run").disabled


def test_a_run_shows_its_verdict_and_a_new_session_remembers_it(page: AppTest, home: Path) -> None:
    settle(button(page, "Run").click().run())
    assert not page.exception
    assert not page.error
    assert page.header[0].value.startswith(VERDICT)
    assert list(page.dataframe[0].value["Plan"]) == ["one L4", "two L4"]
    folder = home / "results" / "tiny"
    assert json.loads((folder / "given.json").read_text(encoding="utf-8"))["text"] == TINY
    simulated = written(folder)
    assert len(simulated) == 4  # two plans under two replications
    settle(button(page, "Run").click().run())
    assert written(folder) == simulated  # known, so reused
    later = AppTest.from_file(str(APP), default_timeout=60)
    later.query_params["result"] = folder.name
    assert later.run().header[0].value.startswith(VERDICT)


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def test_a_click_does_not_end_a_run(page: AppTest, slow: Slow) -> None:
    button(page, "Run").click().run()
    assert button(page, "Run").disabled
    for _ in range(2):
        labelled(page.checkbox, "Run again even if the result is known").check().run()
        assert {one.label for one in page.button} >= {"Run", "Cancel"}
    edit(page, "rate: 0.5/s", "rate: 0.25/s")
    slow.go.set()
    settle(page)
    assert slow.calls == 1
    assert page.header[0].value.startswith(VERDICT)
    assert STALE in badges(page)  # the text was edited meanwhile


def test_a_run_can_be_cancelled(page: AppTest, slow: Slow) -> None:
    button(page, "Run").click().run()
    button(page, "Cancel").click().run()
    settle(page)
    assert page.info[0].value.startswith("Cancelled")
    assert not button(page, "Run").disabled
    assert not page.exception


def test_a_result_of_another_text_says_so_and_comes_back_with_its_text(page: AppTest) -> None:
    settle(button(page, "Run").click().run())
    assert STALE not in badges(page)
    edit(page, "rate: 0.5/s", "rate: 0.125/s")
    assert STALE in badges(page)
    assert page.header[0].value.startswith(VERDICT)
    editor.write(page, TINY)
    assert STALE not in badges(page)
    labelled(page.number_input, "Replications (0: as the scenario says)").set_value(3).run()
    assert STALE in badges(page)


def test_a_lever_writes_the_text_and_runs_and_the_text_moves_the_lever(page: AppTest) -> None:
    settle(labelled(page.number_input, "Replicas").set_value(2).run())
    assert not page.exception
    assert editor.shown(page)["text"] == TINY.replace("replicas: 1}", "replicas: 2}")
    assert [page.dataframe[0].value["$/month"][i] for i in (0, 1)] == pytest.approx([1182, 1182], rel=0.05)
    editor.write(page, TINY.replace("replicas: 1}", "replicas: 3}"))
    assert labelled(page.number_input, "Replicas").value == 3
    labelled(page.selectbox, "Plan").set_value(1).run()
    assert labelled(page.number_input, "Replicas").value == 2


@pytest.mark.parametrize("label", ["Replicas", "Requests per second"])
def test_a_lever_that_is_emptied_changes_nothing(page: AppTest, label: str) -> None:
    """A browser said the least number: letters in the field ran 0.001 requests a second, or 0 replicas."""
    shown = labelled(page.number_input, label).value
    settle(labelled(page.number_input, label).set_value(None).run())
    assert not page.exception
    assert not page.error
    assert editor.shown(page)["text"] == TINY
    assert labelled(page.number_input, label).value == shown


@pytest.mark.parametrize(
    ("tenants", "names"),
    [
        ((", tenant: chat", ", tenant: batch"), ("chat", "batch")),
        ((", tenant: chat", ", tenant: chat"), ("stream 1", "stream 2")),
        (("", ""), ("stream 1", "stream 2")),
    ],
)
def test_levers_of_several_streams_say_whose_requests_they_are(
    page: AppTest, tenants: tuple[str, str], names: tuple[str, str]
) -> None:
    """Both were *Requests per second*."""
    written = "  kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}\n"
    lines = [
        f"  - {{kind: synthetic, rate: {rate}/s, lengths: {{prompt_median: 100, output_median: 20}}{tenant}}}\n"
        for rate, tenant in zip((0.5, 2), tenants, strict=True)
    ]
    editor.write(page, TINY.replace(written, "".join(lines)))
    assert [one.value for one in page.error] == []
    assert [labelled(page.number_input, f"Requests per second, {name}").value for name in names] == [0.5, 2]


def test_progress_does_not_interrupt_a_page_that_is_being_drawn(
    page: AppTest, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reloaded page whose first drawing was given up had levers of their first values, which went into the text."""
    button(page, "Run").click().run()
    (work,) = page.session_state["works"].values()
    work.announce()
    again: list[None] = []
    monkeypatch.setattr("streamlit.rerun", lambda: again.append(None))
    page.run()
    assert not again
    assert page.session_state["shown parts"]["run of a scenario"] < work.parts, "the next look of the progress tells it"


def test_a_price_is_changed_without_a_simulation(page: AppTest, home: Path) -> None:
    settle(button(page, "Run").click().run())
    before = written(home / "results" / "tiny")
    paid = page.dataframe[0].value["$/month"][0]
    settle(labelled(page.number_input, "Price, USD per node-hour").set_value(3.0).run())
    assert 'buy: {offer: aws/g6.xlarge, price: "$3/h"}' in editor.shown(page)["text"]
    assert page.dataframe[0].value["$/month"][0] > 2 * paid
    assert written(home / "results" / "tiny") == before


def test_a_lever_that_says_what_the_text_says_does_not_edit_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session may have lost what a browser still shows, and then takes it for a change: no offer is replaced."""
    drawn: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", {"page": "Plans"})
    monkeypatch.setattr("streamlit.selectbox", lambda label, options, **more: drawn.update({label: more}) or 0)
    file = home / "scenarios/tiny.yaml"
    levers.show(drafts.draft(file), lambda: None)
    card = drawn["Accelerator"]
    card["on_change"](*card["args"])
    assert drafts.draft(file).text == TINY
    st.session_state[card["key"]] = "l40s"
    card["on_change"](*card["args"])
    assert "accelerator: l40s" in drafts.draft(file).text


def test_a_browser_is_told_what_each_lever_shows_at_each_drawing(page: AppTest) -> None:
    """It forgets those of another scenario, and would show the first accelerator and 0 replicas in their place."""
    page.run()
    told = [*page.number_input, *page.selectbox, *page.button_group]
    levers = ("Plan", "Accelerator", "Precision", "Replicas", "Requests per second")
    set_by_address = ("Scenario", "Replications (0: as the scenario says)")
    told = [one for one in told if one.label in (*levers, *set_by_address)]
    assert len(told) == 7
    assert all(one.proto.set_value for one in told)


def test_a_price_that_is_emptied_is_that_of_the_catalog(page: AppTest) -> None:
    """A browser lets only a field without a default be emptied."""
    editor.write(page, TINY.replace("g6.xlarge}", "g6.xlarge, price: $3/h}", 1))
    price = labelled(page.number_input, "Price, USD per node-hour")
    assert price.value == 3.0
    assert not price.proto.HasField("default")
    price.set_value(None).run()
    assert values(editor.shown(page)["text"]) == values(TINY)


def test_a_value_beyond_the_range_of_its_lever_has_none(page: AppTest) -> None:
    """A browser would show the least that the lever takes: $0."""
    editor.write(page, TINY.replace("g6.xlarge}", "g6.xlarge, price: $2000000/h}", 1))
    assert not page.error
    assert "Price, USD per node-hour" not in [one.label for one in page.number_input]


@pytest.mark.parametrize(
    ("bought", "lost"),
    [
        ("kind: spot, offer: aws/g6.xlarge, price: $0.3/h", ": kind, price"),
        (
            "offer: aws/g6.xlarge, commitments: [{kind: savings-plan, commitment: $1/h, discount: 28%}]",
            ": commitments;",
        ),
        ("offer: aws/g6.xlarge, region: us-east-1", ""),
    ],
)
def test_another_accelerator_tells_what_of_the_purchase_it_leaves_out(page: AppTest, bought: str, lost: str) -> None:
    editor.write(page, TINY.replace("offer: aws/g6.xlarge", bought, 1))
    settle(labelled(page.selectbox, "Accelerator").set_value("l40s").run())
    assert set(values(editor.shown(page)["text"])["plans"][0]["buy"]) == {"offer", "region"}
    told = [one.value for one in page.warning if "Left out" in one.value]
    assert [lost in one for one in told] == ([True] if lost else [])


def test_a_lever_out_of_reach_is_a_fault_at_its_line(page: AppTest) -> None:
    editor.write(page, TINY.replace("llama-3.2-1b", "llama-3.1-70b"))
    assert not page.exception
    assert page.error
    assert button(page, "Run").disabled


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ("", "cannot be read: No such file or directory"),
        (
            "kind: HorizontalPodAutoscaler\nspec:\n  maxReplicas: many\n",
            "mine.yaml:1:1: apiVersion",
        ),
    ],
)
def test_a_fault_of_a_manifest_names_its_file_and_line(page: AppTest, home: Path, manifest: str, fault: str) -> None:
    """Its line is not one of the scenario."""
    file = home / "scenarios/manifests/mine.yaml"
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    if manifest:
        file.write_text(manifest, encoding="utf-8")
    editor.write(page, TINY.replace("{kind: fixed, replicas: 1}", "{from: manifests/mine.yaml, start: 1}"))
    told = page.error[0].value.replace("\\", "")  # as Markdown
    assert told.startswith("Scenario: manifests/mine.yaml:")
    assert fault in told
    assert not [one for one in page.code if "|" in one.value]


def test_an_upload_that_cannot_be_taken_whole_is_refused(page: AppTest) -> None:
    for content, why in ((b"# x\n" * 50_001, "200,004 characters, more than 200,000"), (b"# caf\xe9", "not UTF-8")):
        labelled(page.file_uploader, "Or upload a scenario").set_value([("my.yaml", content, "text/yaml")]).run()
        assert not page.exception
        assert why in page.error[0].value
        assert editor.shown(page)["text"] == TINY


def test_a_sweep_is_said_not_to_be_run_here(page: AppTest) -> None:
    assert not [one for one in page.info if "simcost sweep" in one.value]
    editor.write(page, TINY + "sweep: {matrix: {scaling.replicas: [1, 2]}}\n")
    assert [one for one in page.info if "simcost sweep" in one.value]
    assert not page.error


def test_three_figures_and_tabs(page: AppTest) -> None:
    settle(button(page, "Run").click().run())
    assert [one.label for one in page.metric] == [
        "Cost per month",
        "Requests within SLO",
        "Over-provisioned per month",
    ]
    assert [tab.label for tab in page.tabs] == ["Summary", "Latency", "Fleet", "Cost", "Assumptions", "YAML"]
    page.query_params["tab"] = "Latency"
    assert "Service level" in [title.value for title in page.run().subheader]


def test_an_edited_text_comes_back_from_its_address(page: AppTest, home: Path) -> None:
    settle(labelled(page.number_input, "Replicas").set_value(2).run())
    later = AppTest.from_file(str(APP), default_timeout=60)
    later.query_params["result"] = page.query_params["result"]
    later.run()
    assert editor.shown(later)["text"] == TINY.replace("replicas: 1}", "replicas: 2}")
    assert STALE not in badges(later)


def test_the_sample_is_run_once_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = furnish(tmp_path / "home")
    (home / "scenarios/quickstart.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = settle(AppTest.from_file(str(APP), default_timeout=60).run())
    assert page.header[0].value.startswith(VERDICT)
    assert "Sample" in badges(page)
    labelled(page.selectbox, "Scenario").set_value(home / "scenarios/tiny.yaml").run()
    assert "Sample" not in badges(page)


def test_the_page_opens_on_a_scenario_that_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = furnish(tmp_path / "home")
    recorded = TINY.replace(
        "kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}",
        "kind: trace\n  path: traces/none.parquet",
    )
    (home / "scenarios/another.yaml").write_text(recorded, encoding="utf-8")
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    assert page.selectbox[0].options == ["another", "tiny"]
    assert page.selectbox[0].value.stem == "tiny"
    assert not page.error


def test_money_sorts_by_amount(page: AppTest) -> None:
    settle(button(page, "Run").click().run())
    plans = page.dataframe[0].value
    assert plans["$/month"].dtype == float
    assert plans["Attainment"].max() <= 1.0
    assert list(plans["Vs baseline"] == 0) == [True, False]


@pytest.mark.parametrize("name", ["..", "../scenarios", "\x00", ""])
def test_an_address_leads_to_results_only(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.query_params["result"] = name
    page.run()
    assert page.query_params.get("result", "tiny") in ("tiny", name)
    assert page.selectbox[0].value.stem == "tiny"
    assert not page.exception


def test_no_scenario_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCOST_HOME", str(tmp_path))
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    assert "No scenario in" in page.error[0].value
    assert not page.exception


QUEUE = """\
scenario: queue
jobs: {path: jobs.csv}
slo: {wait: {p95: 10min}}
plans:
  - name: sixteen
    buy: {offer: aws/p4d.24xlarge}
    training: {kind: gpus, gpus: 16}
"""
JOBS = "job_id,submit_s,duration_s,gpus\n" + "".join(f"{i},{60 * i},900,4\n" for i in range(20))


def test_a_queue_of_jobs_is_run_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = furnish(tmp_path / "home")
    (home / "scenarios/jobs.csv").write_text(JOBS, encoding="utf-8")
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    editor.write(page, QUEUE)
    settle(button(page, "Run").click().run())
    assert not page.exception
    assert not page.error
    assert page.header[0].value.startswith("sixteen misses the SLO at")
    assert "P95 wait" in page.dataframe[0].value
    assert [one.label for one in page.metric][1:] == ["P95 wait of jobs", "Utilisation"]
    page.query_params["tab"] = "Latency"
    assert "Jobs" in [title.value for title in page.run().subheader]


def test_a_reload_finds_the_run_that_goes_on(page: AppTest, slow: Slow, home: Path) -> None:
    edit(page, "rate: 0.5/s", "rate: 0.75/s")
    button(page, "Run").click().run()
    later = AppTest.from_file(str(APP), default_timeout=60).run()
    edit(later, "rate: 0.5/s", "rate: 0.75/s")
    assert "Cancel" in {one.label for one in later.button}
    assert button(later, "Run").disabled
    slow.go.set()
    settle(later)
    assert slow.calls == 1
    assert later.header[0].value.startswith(VERDICT)


def test_a_file_that_is_edited_on_disk_while_its_run_goes_on(page: AppTest, slow: Slow, home: Path) -> None:
    """Its result is of the text before and says so; a reloaded page has the text of the file, and the run."""
    file = home / "scenarios/tiny.yaml"
    later = AppTest.from_file(str(APP), default_timeout=60)
    try:
        file.write_text(TINY.replace("rate: 0.5/s", "rate: 0.45/s"), encoding="utf-8")
        button(page.run(), "Run").click().run()
        file.write_text(TINY.replace("replicas: 1}", "replicas: 3}"), encoding="utf-8")
        later.query_params["run"] = "tiny"
        later.run()
        assert editor.shown(later)["text"] == file.read_text(encoding="utf-8")
        assert "Cancel" in {one.label for one in later.button}
        slow.go.set()
        for one in (page, later):
            settle(one)
            assert one.header[0].value.startswith(VERDICT)
            assert STALE in badges(one)
    finally:
        slow.go.set()
        file.write_text(TINY, encoding="utf-8")


def test_the_scenario_stays_when_another_page_was_looked_at(page: AppTest, home: Path) -> None:
    (home / "scenarios/other.yaml").write_text(TINY.replace("scenario: tiny", "scenario: other"), encoding="utf-8")
    try:
        page.run()
        labelled(page.selectbox, "Scenario").set_value(home / "scenarios/other.yaml").run()
        back = AppTest.from_file(str(APP), default_timeout=60)
        back.session_state["looked at"] = page.session_state["looked at"]  # all that a change of the page leaves
        assert back.run().selectbox[0].value.stem == "other"
    finally:
        (home / "scenarios/other.yaml").unlink()


def test_an_address_from_another_machine_says_that_its_result_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMCOST_HOME", str(furnish(tmp_path / "home")))
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.query_params["result"] = "theirs-0123456789ab"
    assert "not on this machine" in page.run().warning[0].value
    assert not page.exception
    assert not button(page, "Run").disabled


def test_a_result_of_a_trace_that_has_changed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text is the same, its figures are those of other jobs."""
    home = furnish(tmp_path / "home")
    jobs = home / "scenarios" / "jobs.csv"
    jobs.write_text(JOBS, encoding="utf-8")
    (home / "scenarios" / "tiny.yaml").write_text(QUEUE, encoding="utf-8")
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = settle(button(AppTest.from_file(str(APP), default_timeout=60).run(), "Run").click().run())
    before = page.metric[1].value
    assert "has changed since" not in badges(page)
    jobs.write_text(JOBS.replace(",900,", ",90000,"), encoding="utf-8")
    assert "jobs.csv has changed since" in badges(page.run())
    page = settle(button(page, "Run").click().run())
    assert "has changed since" not in badges(page)
    assert page.metric[1].value != before


def test_a_result_of_another_version_says_so(page: AppTest, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = settle(button(page, "Run").click().run())
    assert "another version" not in badges(page)
    monkeypatch.setattr("views.runs.__version__", "99.0")
    for one in (page, AppTest.from_file(str(APP), default_timeout=60)):
        assert "Of another version of simcost" in badges(one.run())
        assert one.header[0].value.startswith(VERDICT)


@pytest.mark.parametrize("lost", ["quality", "cost_usd", "slo"])
def test_a_result_of_another_version_is_explained_and_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    home = furnish(tmp_path / "home")
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    page = settle(button(AppTest.from_file(str(APP), default_timeout=60).run(), "Run").click().run())
    folder = home / "results" / "tiny"
    document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for plan in document["plans"]:
        del plan[lost]
    (folder / "result.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "SHA256SUMS").unlink()
    page.run()
    assert "version of simcost" in page.error[0].value or "older simcost" in page.error[0].value
    assert not page.exception
    assert editor.shown(page)["text"] == TINY
    settle(labelled(page.checkbox, "Run again even if the result is known").check().run())
    settle(button(page, "Run").click().run())
    assert page.header[0].value.startswith(VERDICT)


def test_a_run_that_fails_half_way_is_explained(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, progress: Any, **__: Any) -> Any:
        progress(0.5, "2 of 4 runs")
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr("simcost.scenario.runs.run.run", fails)
    settle(button(page, "Run").click().run())
    assert page.error[0].value.startswith("It ended unexpectedly (ZeroDivisionError")
    assert not page.exception
    assert not button(page, "Run").disabled


def test_a_long_run_shows_one_replication_first(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    go, of = threading.Event(), run

    def second_waits(loaded: Any, out: Path, *, seeds: int | None, **options: Any) -> Any:
        assert seeds == 1 or go.wait(60)
        return of(loaded, out, seeds=seeds, **options)

    monkeypatch.setattr("views.runs.QUICK_REQUESTS", 0)
    monkeypatch.setattr("views.background.QUICK_S", 60.0)
    monkeypatch.setattr("simcost.scenario.runs.run.run", second_waits)
    labelled(page.number_input, "Replicas").set_value(4).run(timeout=90)
    assert "Preview: one replication" in badges(page)
    assert "Cancel" in {one.label for one in page.button}
    go.set()
    settle(page)
    assert "Preview" not in badges(page)
    assert page.query_params["result"] != "tiny"
