"""The page of training without a browser: four questions, their answers, and bad input as messages."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from support.home import APP, settle

pytestmark = pytest.mark.slow

RUN, QUEUE, SPOT, WASTE = (
    "What does this run cost?",
    "How many GPUs does our queue need?",
    "Should this run use spot?",
    "Where do our GPU-hours go?",
)


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    import threading
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import ask, training

    ask.show("Training", training.QUESTIONS, Path(home) / "scenarios", Path(home) / "results", threading.Lock())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("training") / "home"
    traces = home / "scenarios" / "traces"
    traces.mkdir(parents=True)
    jobs = [f"{i},{i * 300},{600 + 97 * i % 3000},{1 + i % 4}" for i in range(120)]
    (traces / "jobs.csv").write_text("\n".join(["job_id,submit_s,duration_s,gpus", *jobs]), encoding="utf-8")
    (traces / "zone.csv").write_text("trace,gap_s,start_tick,ticks,nodes_available\na,600,0,500,1\na,600,500,500,0\n")
    rows = [f"2026-03-02T00:{m:02d}:00Z,{gpu},{model},5" for m in (0, 5) for gpu, model in (("0", "H100"), ("1", "L4"))]
    (traces / "gpus.csv").write_text("\n".join(["timestamp,gpu,modelName,DCGM_FI_DEV_GPU_UTIL", *rows]))
    return home


@pytest.fixture
def page(home: Path) -> AppTest:
    return AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60).run()


def ask(page: AppTest, question: str, file: str, home: Path) -> None:
    """Choose a question, and a file for it."""
    page.session_state["Training question"] = question
    page.run()
    page.selectbox[0].set_value(home / "scenarios" / "traces" / file).run()


def field(page: AppTest, label: str) -> Any:
    return next(field for field in page.text_input if field.label == label)


def press(page: AppTest) -> None:
    settle(next(button for button in page.button if button.label == "Answer").click().run())
    assert not page.exception


def test_a_question_is_always_chosen(page: AppTest) -> None:
    """A second click on the one that is chosen left the page without a question."""
    assert page.get("button_group")[0].proto.required


def test_a_run_is_answered_without_a_file(page: AppTest) -> None:
    press(page)
    assert not page.error
    assert page.header[0].value.startswith("llama-3.1-8b, full, 2B tokens on 64 x h100-sxm")
    titles = [title.value for title in page.subheader]
    assert titles[:2] == ["Time and speed", "What it costs"]
    assert page.code[0].value.startswith("simcost train estimate llama-3.1-8b --tokens=2e9 --on=h100-sxm --method=full")


def test_ways_to_train_side_by_side(page: AppTest) -> None:
    page.checkbox[0].check().run()
    field(page, "Output tokens served later").set_value("1e9")
    press(page)
    assert "is the cheapest way to train and to serve 1B tokens" in page.header[0].value
    assert list(page.dataframe[0].value["Method"]) == ["full", "lora", "qlora"]


def test_a_queue_is_sized(page: AppTest, home: Path) -> None:
    ask(page, QUEUE, "jobs.csv", home)
    field(page, "A size to look at besides").set_value("16")
    press(page)
    assert not page.error
    assert "GPUs for P95 of the wait within" in page.header[0].value
    assert "The sizes asked for" in [title.value for title in page.subheader]
    assert "jobs.csv" in page.code[0].value


def test_a_part_of_a_log_is_sized(page: AppTest, home: Path) -> None:
    ask(page, QUEUE, "jobs.csv", home)
    field(page, "Submitted from then on").set_value("2h")
    press(page)
    assert not page.error
    assert "--since=2h" in page.code[0].value
    assert any("submitted before had not ended" in str(getattr(one, "value", "")) for one in page.main)


def test_spot_is_studied(page: AppTest, home: Path) -> None:
    ask(page, SPOT, "zone.csv", home)
    press(page)
    assert not page.error
    assert list(page.dataframe[0].value["Strategy"]) == ["On-demand only", "Greedy", "Uniform Progress"]


def test_waste_of_a_job_log(page: AppTest, home: Path) -> None:
    ask(page, WASTE, "jobs.csv", home)
    press(page)
    told = r"jobs.csv\: is a job log; how many GPUs the cluster has is missing\: set GPUs, of a job log"
    assert page.error[0].value == told
    field(page, "GPUs, of a job log").set_value("64")
    press(page)
    assert "GPU-hours did no work" in page.header[0].value
    assert not page.error


def test_waste_of_gpus_of_two_models_at_two_prices(page: AppTest, home: Path) -> None:
    ask(page, WASTE, "gpus.csv", home)
    field(page, "Price of a GPU-hour").set_value("H100=2.50, L4=0.80")
    press(page)
    assert "most of it H100" in page.header[0].value
    assert page.subheader[0].value == "GPUs by model"


@pytest.mark.parametrize(
    ("label", "value", "told"),
    [
        ("Tokens trained on", "many", "not a number"),
        ("GPUs (empty: their number is searched)", "0", "whole number"),
        ("Deadline", "soon", "not a quantity"),
        ("Price of a GPU-hour (empty: the catalog's)", "--json", "not a quantity"),
    ],
)
def test_bad_input_is_a_message(page: AppTest, label: str, value: str, told: str) -> None:
    field(page, label).set_value(value)
    press(page)
    assert any(told in error.value for error in page.error)
    assert not any("/tmp" in error.value for error in page.error)


def test_a_file_that_is_none_is_a_message_without_our_folders(page: AppTest, home: Path) -> None:
    ask(page, SPOT, "jobs.csv", home)
    press(page)
    assert page.error[0].value.startswith("jobs.csv\\: no timestamp and no nodes\\_available column")
    assert not any("/tmp" in error.value for error in page.error)


def test_the_example_of_other_column_names_is_taken(page: AppTest, home: Path) -> None:
    ask(page, QUEUE, "jobs.csv", home)
    columns = field(page, "Columns of other names")
    ours, _, theirs = columns.placeholder.partition("=")
    named = (home / "scenarios" / "traces" / "jobs.csv").read_text(encoding="utf-8").replace(",gpus\n", f",{theirs}\n")
    (home / "scenarios" / "traces" / "named.csv").write_text(named, encoding="utf-8")
    ask(page.run(), QUEUE, "named.csv", home)
    field(page, "Columns of other names").set_value(f"{ours}={theirs}")
    press(page)
    assert not page.error


def test_without_a_file_nothing_can_be_pressed(page: AppTest) -> None:
    page.session_state["Training question"] = QUEUE
    page.run()
    assert next(button for button in page.button if button.label == "Answer").disabled
    assert page.info[0].value.startswith("A job log: for each job `submit_time`")
    assert page.info[0].value.endswith("Choose on the left what is missing, then press Answer.")


def test_an_upload_has_a_harmless_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(APP.parent)
    from views.files import Chosen

    chosen = Chosen(None, SimpleNamespace(name="../../my jobs.csv", getvalue=lambda: b"a\n"))
    assert chosen.name == "_.._my jobs.csv"
    assert chosen.on_disk(tmp_path).read_bytes() == b"a\n"
    assert chosen.on_disk(tmp_path).parent == tmp_path


def test_files_of_one_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(APP.parent)
    from views.ask import told_apart
    from views.files import Chosen, Written

    uploads = [Chosen(None, SimpleNamespace(name="jobs.csv", file_id=one)) for one in ("a", "b", "a")]
    first, second, third = (told_apart(["train", one]) for one in uploads)
    assert first == third != second
    texts = [Written(title="options.yaml", text=text) for text in ("one", "two")]
    assert told_apart(texts[:1]) != told_apart(texts[1:])


@pytest.mark.parametrize(
    ("question", "file"), [(RUN, ""), (QUEUE, "jobs.csv"), (SPOT, "zone.csv"), (WASTE, "jobs.csv")]
)
def test_what_is_wrong_is_told_by_the_label_of_its_field(page: AppTest, home: Path, question: str, file: str) -> None:
    """`--tokens (on the command line): 'abc' is not a number`, of the field `Tokens trained on`."""
    if file:
        ask(page, question, file, home)
    for at in range(len(page.text_input)):
        label, before = page.text_input[at].label, page.text_input[at].value
        page.text_input[at].set_value("abc").run()
        settle(next(one for one in page.button if one.label == "Answer").click().run())
        assert not page.exception
        said = [one.value for one in page.error]
        assert not any("on the command line" in one for one in said), (label, said)
        page.text_input[at].set_value(before).run()
