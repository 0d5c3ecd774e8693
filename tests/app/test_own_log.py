"""The page of a log: upload, read, a scenario whose plans serve it."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest
from support.commands import call
from support.home import APP, furnish, settle

from simcost.scenario.checks.load import find_faults

LOG = "arrival,prompt_tokens,output_tokens\n" + "".join(f"{i},{100 + i % 7},{20 + i % 5}\n" for i in range(600))


def script(root: str, home: str) -> None:
    """The page by itself: what streamlit runs."""
    import sys
    from pathlib import Path

    if root not in sys.path:
        sys.path.insert(0, root)
    from views import log

    log.show(Path(home) / "scenarios", "plans")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return furnish(tmp_path / "home")


@pytest.fixture
def page(home: Path) -> AppTest:
    return AppTest.from_function(script, args=(str(APP.parent), str(home)), default_timeout=60).run()


def read(page: AppTest, name: str, content: str) -> AppTest:
    page.file_uploader[0].set_value((name, content.encode(), "text/csv")).run()
    return settle(button(page, "Read").click().run())


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def test_a_log_becomes_a_scenario_without_faults(page: AppTest, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    went: list[object] = []
    monkeypatch.setattr("streamlit.switch_page", went.append)
    read(page, "../../My log.csv", LOG)
    assert not page.exception
    assert not page.error
    assert [one.value for one in page.header] == ["Compare plans for it"]
    assert len(list((home / "scenarios" / "traces").glob("*.parquet"))) == 1
    button(page, "Compare plans").click().run()
    assert went == ["plans"]
    [file] = [one for one in (home / "scenarios").glob("*.yaml") if one.stem != "tiny"]
    assert find_faults(file) == []
    assert page.session_state["looked at"] == file
    monkeypatch.setenv("SIMCOST_HOME", str(home))
    plans = AppTest.from_file(str(APP), default_timeout=60)
    plans.session_state["looked at"] = file
    settle(button(plans.run(), "Run").click().run())
    assert any("names other files" in one.value for one in plans.caption)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "arrival,prompt_tokens,output_tokens\nx,y,z\n", "\x00\x01"])
def test_any_log_gives_messages_and_leaves_nothing(page: AppTest, home: Path, content: str) -> None:
    page.file_uploader[0].set_value(("log.csv", content.encode(), "text/csv")).run()
    if not button(page, "Read").disabled:
        settle(button(page, "Read").click().run())
        assert page.error
    assert not page.exception
    assert all("/" not in one.value.replace("and/or", "") for one in page.error)
    assert list((home / "scenarios").glob("traces/*")) == []


@pytest.mark.parametrize("content", ["", "arrival,prompt_tokens,output_tokens\n", "at,in,out\n", "\x00\x01\x02binary"])
def test_a_log_without_rows_is_not_asked_for_again(page: AppTest, content: str) -> None:
    """*Read* was disabled for a header of other names, while the page said to press it."""
    page.file_uploader[0].set_value(("log.csv", content.encode(), "text/csv")).run()
    assert page.info[0].value == "No row of it can be shown. Press Read, which says why."
    settle(button(page, "Read").click().run())
    assert page.error


def test_columns_of_other_names_are_preselected_and_shown(page: AppTest, home: Path) -> None:
    odd = LOG.replace("arrival,prompt_tokens,output_tokens", "Request Time,Tokens In,Tokens Out")
    page.file_uploader[0].set_value(("odd.csv", odd.encode(), "text/csv")).run()
    chosen = {one.label: one.value for one in page.selectbox}
    assert chosen["Arrival"] == "Request Time"
    assert chosen["Prompt tokens"] == "Tokens In"
    assert chosen["Output tokens"] == "Tokens Out"
    assert list(page.dataframe[0].value.columns) == ["Request Time", "Tokens In", "Tokens Out"]
    settle(button(page, "Read").click().run())
    assert not page.error
    assert [one.value for one in page.header] == ["Compare plans for it"]


def test_a_column_that_is_not_found_is_asked_for_in_words_of_the_page(page: AppTest) -> None:
    page.file_uploader[0].set_value(("odd.csv", b"time,in,x\n1,2,3\n", "text/csv")).run()
    assert "Prompt tokens, Output tokens" in page.warning[0].value
    assert button(page, "Read").disabled
    assert "Prompt tokens, Output tokens" in button(page, "Read").help


def test_what_an_import_tells_is_on_the_page(page: AppTest) -> None:
    rows = [f"{i},{100 + i},20,{'small' if i % 2 else 'large'},{'failure' if i < 3 else 'success'}" for i in range(30)]
    read(page, "log.csv", "\n".join(["ts,prompt_tokens,completion_tokens,model,status", *rows]))
    shown = " ".join(block.body for block in page.get("html"))
    assert "3 requests failed, as their status says; left out" in shown
    assert "the requests are of 2 models" in shown


def test_another_log_of_the_same_name_is_not_that_which_was_read(page: AppTest) -> None:
    read(page, "log.csv", LOG)
    assert [one.value for one in page.header] == ["Compare plans for it"]
    page.file_uploader[0].set_value(("log.csv", LOG.replace("1", "2").encode(), "text/csv")).run()
    assert [one.value for one in page.header] == ["First rows"]
    assert not page.exception


@pytest.mark.parametrize("typed", ["1 banana", "1s: x", "'", "1s # x"])
def test_a_target_that_is_none_is_told_by_the_label_of_its_field(page: AppTest, home: Path, typed: str) -> None:
    read(page, "log.csv", LOG)
    next(one for one in page.text_input if one.label == "Time to first token, at most").set_value(typed)
    button(page, "Compare plans").click().run()
    assert [one.value.partition("\\:")[0] for one in page.error] == ["Time to first token, at most"]
    assert list((home / "scenarios").glob("log*.yaml")) == []


@pytest.mark.parametrize(
    ("name", "around"),
    [("log.jsonl", "{}\n"), ("log.json", "[{}]"), ("log.tsv", "")],
)
def test_a_log_as_gateways_write_it_is_read_as_it_is(page: AppTest, name: str, around: str) -> None:
    """Tokens stand inside `usage`, and `.json` and `.tsv` were refused."""
    rows = [{"ts": i, "usage": {"prompt_tokens": 100 + i, "completion_tokens": 20}} for i in range(30)]
    lines = "\n".join(["ts\tprompt_tokens\tcompletion_tokens", *(f"{i}\t{100 + i}\t20" for i in range(30))])
    if around:
        separator = ",\n" if around.startswith("[") else "\n"
        lines = around.replace("{}", separator.join(json.dumps(row) for row in rows))
    page.file_uploader[0].set_value((name, lines.encode(), "text/plain")).run()
    within = "usage." if around else ""
    chosen = {one.label: one.value for one in page.selectbox}
    assert (chosen["Arrival"], chosen["Prompt tokens"]) == ("ts", f"{within}prompt_tokens")
    assert chosen["Output tokens"] == f"{within}completion_tokens"
    settle(button(page, "Read").click().run())
    assert not page.error
    tokens = page.dataframe[0].value
    assert list(tokens["Total"]) == [sum(100 + i for i in range(30)), 600.0]


def test_an_export_of_opentelemetry_is_known(page: AppTest) -> None:
    page.file_uploader[0].set_value(("spans.jsonl", b'{"resourceSpans": []}\n', "text/plain")).run()
    assert next(one for one in page.selectbox if one.label == "Format").value == "otel"


def gateway(rows: int = 40) -> str:
    """Spend logs of LiteLLM; each fourth answer is from the cache, each fifth request of another model."""
    moment = "2026-03-02T09:00:{:02d}Z"
    return "\n".join(
        json.dumps(
            {
                "startTime": moment.format(i),
                "model": "small" if i % 5 == 0 else "large",
                "prompt_tokens": 100 + i,
                "completion_tokens": 20,
                "cache_hit": str(i % 4 == 0),
            }
        )
        for i in range(rows)
    )


def test_a_log_is_read_in_the_format_that_its_columns_show_as_by_the_command(
    page: AppTest, home: Path, tmp_path: Path
) -> None:
    read(page, "spend.jsonl", gateway())
    assert not page.error
    assert next(one for one in page.selectbox if one.label == "Format").value == "litellm"
    assert list(page.dataframe[0].value["Total"])[1] == 30 * 20, "answers of the cache are left out"
    words = shlex.split(page.code[0].value)
    assert words[:4] == ["simcost", "trace", "import", "spend.jsonl"]
    (tmp_path / "spend.jsonl").write_text(gateway(), encoding="utf-8")
    out = tmp_path / "out.parquet"
    again = call("trace", "import", tmp_path / "spend.jsonl", *words[4:-1], out, "--json").document()
    assert again["rows"] == 30
    assert pq.read_table(out).equals(pq.read_table(home / "scenarios" / words[-1]))


def test_rows_of_one_model_are_taken_and_are_another_trace(page: AppTest, home: Path) -> None:
    read(page, "spend.jsonl", gateway())
    field = next(one for one in page.text_input if one.label == "Rows with")
    field.set_value("model").run()
    assert "not COL=VALUE" in page.error[0].value
    assert button(page, "Read").disabled
    field.set_value("model=large").run()
    settle(button(page, "Read").click().run())
    assert list(page.dataframe[0].value["Total"])[1] == 24 * 20
    assert "--where model=large" in page.code[0].value
    assert len(list((home / "scenarios" / "traces").glob("*.parquet"))) == 2


def test_a_time_zone_is_a_field_of_the_page(page: AppTest) -> None:
    content = "arrival,prompt_tokens,output_tokens\n2026-03-02 09:00:00,100,20\n2026-03-02 09:00:09,100,20\n"
    page.file_uploader[0].set_value(("log.csv", content.encode(), "text/csv")).run()
    next(one for one in page.text_input if one.label == "Time zone").set_value("Europe/Berlin").run()
    settle(button(page, "Read").click().run())
    assert not page.error
    assert page.session_state["log"]["document"]["start_utc"].startswith("2026-03-02T08:00:00")


def test_an_optional_column_of_another_name_is_named_on_the_page(page: AppTest) -> None:
    """The page told to call the column `status` in the file: it had no field for it."""
    rows = "\n".join(f"{i},{100 + i},20,{503 if i < 3 else 200}" for i in range(30))
    read(page, "log.csv", f"arrival,prompt_tokens,output_tokens,HTTP Status\n{rows}\n")
    shown = " ".join(block.body for block in page.get("html"))
    assert "if it is, write status=HTTP Status under Columns of other names" in shown
    field = next(one for one in page.text_input if one.label == "Columns of other names")
    field.set_value("status").run()
    assert "'status' is not NAME=COLUMN" in page.error[0].value
    assert button(page, "Read").disabled
    field.set_value("status=HTTP Status").run()
    settle(button(page, "Read").click().run())
    assert page.session_state["log"]["document"]["rows"] == 27
    assert "'status=HTTP Status'" in page.code[0].value
    field.set_value("statu=HTTP Status").run()
    settle(button(page, "Read").click().run())
    assert "'statu' is not a known column" in page.error[0].value


@pytest.mark.slow
def test_the_example_is_there_to_try(page: AppTest, home: Path) -> None:
    shutil.copytree(APP.parent / "scenarios" / "synthetic", home / "scenarios" / "synthetic")
    logs = next(one for one in page.run().selectbox if one.label == "Log of requests")
    assert logs.options == ["requests-log.csv.gz (example)"]
    logs.set_value(home / "scenarios" / "synthetic" / "requests-log.csv.gz").run()
    settle(button(page, "Read").click().run())
    assert not page.error
    assert [one.value for one in page.header][:1] == ["Compare plans for it"]
    assert page.session_state["log"]["document"]["dropped"] > 0  # failed requests
    assert shlex.split(page.code[-1].value)[:4] == ["simcost", "trace", "import", "requests-log.csv.gz"]


def test_a_log_that_cannot_be_opened_is_named(page: AppTest, home: Path) -> None:
    (home / "scenarios" / "closed.csv").symlink_to(home / "gone.csv")
    next(one for one in page.run().selectbox if one.label == "Log of requests").set_value(
        home / "scenarios" / "closed.csv"
    ).run()
    settle(button(page, "Read").click().run())
    assert not page.exception
    assert page.error[0].value.startswith("closed.csv")
