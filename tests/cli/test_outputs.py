"""Files to write never replace an input of the same call, a folder, a device or a pipe; of every verb that writes."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import TINY, call, contents, refused, scenario, trace

from simcost.cli.main import command_line

SERIES = "timestamp,value\n" + "".join(f"2026-01-{day:02},{100 + day % 7}\n" for day in range(1, 29))
USAGE = "sku,start,end,quantity\ng6.xlarge,2026-01-01T00:00:00Z,2026-01-01T05:00:00Z,1\n"
PLAN = "purchasing: plain\nprovider: aws\nregion: us-east-1\n"
OPTIONS = PLAN + "commitments:\n  - {kind: reserved, offer: aws/g6.xlarge, count: 2, rate: $0.5/h, years: 1}\n"
MIX = "kind: synthetic\nrate: 1/s\nlengths: {trace: log.parquet}\n"
FOCUS = "bill.csv"
WRITERS = {
    "trace import -o": ("trace", "import", "log.csv", "--format", "csv", "-o"),
    "trace synthesize -o": ("trace", "synthesize", "mix.yaml", "--horizon", "1min", "-o"),
    "forecast -o": ("forecast", "series.csv", "--horizon", "2d", "-o"),
    "forecast --paths-out": ("forecast", "series.csv", "--horizon", "2d", "--paths-out"),
    "forecast --html": ("forecast", "series.csv", "--horizon", "2d", "--html"),
    "bill --focus": ("bill", "usage.csv", "--plan", "plan.yaml", "--focus"),
    "bill --html": ("bill", "usage.csv", "--plan", "plan.yaml", "--html"),
    "bill --svg": ("bill", "usage.csv", "--plan", "plan.yaml", "--svg"),
    "commit -o": ("commit", "usage.csv", "--options", "options.yaml", "-o"),
    "focus read -o": ("focus", "read", FOCUS, "-o"),
    "focus read --html": ("focus", "read", FOCUS, "--html"),
    "api --svg": ("api", "tiny.yaml", "--api", "openai/gpt-4o-mini", "--svg"),
}
"""The words before the file that is written."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of inputs, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "series.csv": SERIES,
        "usage.csv": USAGE,
        "plan.yaml": PLAN,
        "options.yaml": OPTIONS,
        "mix.yaml": MIX,
        "tiny.yaml": TINY,
        FOCUS: "x\n",
        "log.csv": "arrival,prompt_tokens,output_tokens\n0,1,1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def options(parser: argparse.ArgumentParser, verb: str = "") -> Iterator[tuple[str, argparse.Action, set[str]]]:
    """Every option that takes a path, its verb, and the names of those that are declared to be written."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from options(child, f"{verb} {name}".strip())
        elif action.type is Path:
            declared = parser.get_default("writes") or (), parser.get_default("fills") or ()
            yield verb, action, {name for names in declared for name in names}


def test_every_option_that_names_an_output_is_declared_as_one() -> None:
    found = {(verb, action.dest) for verb, action, declared in options(command_line()) if action.dest in declared}
    by_name = {
        (verb, action.dest)
        for verb, action, _ in options(command_line())
        if action.dest in ("out", "output", "html", "svg", "focus", "paths_out")
        or (action.option_strings and str(action.help).startswith("write"))
    }
    assert found == by_name
    assert len(found) > 20


@pytest.mark.parametrize("verb", WRITERS)
def test_an_output_never_replaces_an_input(folder: Path, verb: str) -> None:
    words = WRITERS[verb]
    read = next(word for word in words if (folder / word).is_file())
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(read)
    (folder / "hard").hardlink_to(folder / read)
    before = contents(folder)
    for name in (read, f"./sub/../{read}", folder / read, "link", "hard"):
        assert "is an input, which would be replaced" in refused(*words, name)
    assert contents(folder) == before


@pytest.mark.parametrize("verb", WRITERS)
def test_an_output_replaces_no_folder_device_or_pipe(folder: Path, verb: str) -> None:
    words = WRITERS[verb]
    os.mkfifo(folder / "pipe")
    (folder / "null").symlink_to("/dev/null")
    for name in ("pipe", "null", "/dev/null", "/dev/full"):
        assert "is a device or a pipe" in refused(*words, name)
    assert "is a folder; name a file in it" in refused(*words, folder)
    assert (folder / "pipe").is_fifo()
    assert Path("/dev/full").is_char_device()
    assert Path("/dev/null").is_char_device()


def test_files_that_a_file_names_are_inputs_too(folder: Path) -> None:
    stored = trace(folder)
    before = stored.read_bytes()
    said = refused("trace", "synthesize", "mix.yaml", "--horizon", "1min", "-o", "log.parquet")
    assert "log.parquet: is an input" in said
    assert stored.read_bytes() == before


def test_two_outputs_of_a_call_are_two_files(folder: Path) -> None:
    said = refused("bill", "usage.csv", "--plan", "plan.yaml", "--html", "a.html", "--svg", "./a.html")
    assert "a.html: is written already" in said
    assert not (folder / "a.html").exists()


def test_what_stdout_and_stdin_are_redirected_to_is_not_replaced(folder: Path) -> None:
    words = [sys.executable, "-m", "simcost", "forecast", "series.csv", "--horizon", "2d", "-o"]
    for name in ("/dev/stdout", "said.txt"):
        with (folder / "said.txt").open("w") as out:
            done = subprocess.run([*words, name], stdout=out, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "is written already" in done.stderr


def test_a_link_to_write_to_stays_and_its_file_is_replaced(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "t.parquet").write_text("old")
    (folder / "link.parquet").symlink_to("elsewhere/t.parquet")
    assert call("trace", "import", "log.csv", "--format", "csv", "-o", "link.parquet", "--quiet").code == 0
    assert (folder / "link.parquet").is_symlink()
    assert (folder / "elsewhere" / "t.parquet").read_bytes().startswith(b"PAR1")
    assert [path.name for path in (folder / "elsewhere").iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("target", ["nowhere", "out"])
def test_a_results_folder_that_is_a_link_to_nothing_is_refused(folder: Path, target: str) -> None:
    """A loop of links ended in a traceback, a link to nothing in a folder that exists."""
    (folder / "out").symlink_to(target)
    said = refused("run", folder / "tiny.yaml", "--out", folder / "out")
    assert f"{folder / 'out'}: is a link to {target}, which is not there; make that folder, or name another" in said


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_folder_of_traces_that_is_none_is_refused(folder: Path, verb: str) -> None:
    """A scenario without traces took any name, and a loop of links ended in a traceback after the run."""
    (folder / "loop").symlink_to("loop")
    for name in ("loop", "nowhere", "tiny.yaml"):
        assert f"{name}: is not a folder; give --data" in refused(verb, folder / "tiny.yaml", "--data", name)


def test_results_replace_no_input(folder: Path) -> None:
    stored = trace(folder)
    recorded = (
        "workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}",
        "workload: {kind: trace, path: out/tables/runs.parquet}",
    )
    (folder / "out" / "tables").mkdir(parents=True)
    stored.rename(folder / "out" / "tables" / "runs.parquet")
    scenario(folder, recorded)
    before = contents(folder)
    assert "is an input, which would be replaced" in refused("run", "tiny.yaml", "--out", "out", "--quiet")
    assert contents(folder) == before
    assert "is not a folder" in refused("run", "tiny.yaml", "--out", "tiny.yaml", "--quiet")
    assert "is not a folder" in refused("run", "tiny.yaml", "--out", "/dev/null", "--quiet")
    (folder / "other").mkdir()
    os.mkfifo(folder / "other" / "result.json")
    scenario(folder)
    assert "is a device or a pipe" in refused("run", "tiny.yaml", "--out", "other", "--quiet")


@pytest.mark.usefixtures("no_report")
def test_the_scenario_of_a_result_is_kept_when_it_runs_again(folder: Path) -> None:
    words = ("--out", "out", "--quiet")
    assert call("run", "tiny.yaml", *words).code == 0
    before = (folder / "out" / "scenario.yaml").read_bytes()
    assert call("run", "out/scenario.yaml", *words).code == 0
    assert (folder / "out" / "scenario.yaml").read_bytes() == before
    assert "scenario.yaml: is an input" in refused("run", "out/scenario.yaml", *words, "--seeds", 3)


def test_a_price_list_is_not_replaced_by_the_catalog_made_of_it(folder: Path) -> None:
    offers = folder / "own" / "offers.csv"
    offers.parent.mkdir()
    offers.write_text("provider,sku,price_per_h\nneo,box,9\n", encoding="utf-8")
    before = offers.read_bytes()
    refused("prices", "import", offers, "--format", "own", "-o", "own", "--as-of", "2026-01-01")
    assert offers.read_bytes() == before
