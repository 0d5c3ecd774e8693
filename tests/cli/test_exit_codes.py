"""0 done, 1 a gate was broken, 2 bad usage; and what a refused command says."""

import json
import sys
from contextlib import redirect_stdout, suppress
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from support.commands import FOLDER, Said, call, refused, scenario

from simcost.cli.main import main

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.mark.parametrize(
    ("gates", "code", "said"),
    [
        (["slo"], 0, ""),
        (["budget=1e9"], 0, ""),
        (["budget=$10"], 1, "budget of $10.00 a month exceeded by one ($"),
        (["slo", "budget=0"], 1, "exceeded by one"),
    ],
)
def test_gates(finished: Said, home: Path, gates: list[str], code: int, said: str) -> None:
    words = [word for gate in gates for word in ("--fail-on", gate)]
    found = call("run", home / "tiny.yaml", "--out", home / FOLDER, "--quiet", "--json", *words)
    assert found.code == code
    assert said in found.err
    assert found.document()["plans"], "the result is shown before the gate fails"


@pytest.mark.parametrize("verb", ["trace", "train", "autoscale", "catalog", "prices", "focus"])
def test_a_verb_without_its_action_says_with_which_to_begin(verb: str) -> None:
    """It said that ACTION is required."""
    said = refused(verb)
    assert "which action? there are " in said
    first = said.partition("begin with `simcost ")[2].partition("`")[0]
    assert call(*first.split()).code == 0


def test_the_slo_gate(tmp_path: Path) -> None:
    file = scenario(tmp_path, ("ttft: 1s", "ttft: 1ms"))
    found = call("run", file, "--out", tmp_path / "out", "--quiet", "--fail-on", "slo")
    assert found.code == 1
    assert found.err == "simcost: SLO missed by one, scaled\n"
    assert found.out.startswith("No plan meets the SLO; ")


@pytest.mark.parametrize("gate", ["", "slow", "budget", "budget=", "budget=much", "budget=-1", "budget=nan"])
def test_a_bad_gate_is_refused_before_anything_runs(tmp_path: Path, gate: str) -> None:
    said = refused("run", scenario(tmp_path), "--out", tmp_path / "out", "--fail-on", gate)
    assert "--fail-on" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("rum",),
        ("run",),
        ("run", "a.yaml", "--sedes", "3"),
        ("trace",),
        ("trace", "imprt"),
        ("perf", "x"),
        ("run", "a.yaml", "--jobs", "0"),
        ("run", "a.yaml", "--seeds", "1.5"),
        ("run", "a.yaml", "--seed", "-1"),
        ("run", "a.yaml", "--seed", "9" * 30),
        ("run", "a.yaml", "--seeds", "9" * 30),
        ("trace", "import", "a", "--format", "csv", "-o", "b", "--map", "x"),
        ("trace", "synthesize", "a", "-o", "b", "--horizon", "nan"),
        ("trace", "synthesize", "a", "-o", "b", "--horizon", "-3h"),
    ],
)
def test_bad_usage(words: tuple[str, ...]) -> None:
    assert "\nsimcost: " in refused(*words)


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help"), ("trace", "import", "-h")])
def test_help(words: tuple[str, ...]) -> None:
    said = call(*words)
    assert said.code == 0
    assert said.out
    assert said.err == ""


def test_an_output_of_few_characters_gets_the_text_and_whole_json(tmp_path: Path) -> None:
    """Text with ASCII for what its encoding lacks; JSON with escapes, which are UTF-8 everywhere."""

    def said(*words: object, encoding: str = "cp1252") -> bytes:
        raw = BytesIO()
        stream = TextIOWrapper(raw, encoding=encoding, write_through=True)
        with redirect_stdout(stream), suppress(SystemExit):
            main([str(word) for word in words])
        return raw.getvalue()

    series, broken = tmp_path / "series.csv", tmp_path / "m\u00fcde \u2588.yaml"
    series.write_text("timestamp,value\n" + "".join(f"2026-01-{day:02},{day}\n" for day in range(1, 29)), "utf-8")
    broken.write_text("scenario: [\n", encoding="utf-8")
    assert b"\n88\n" in said("forecast", series, "--horizon", "2d", "--model", "flat", "--quiet")
    per_token = said("perf", "llama-3.1-8b", "--on", "l40s", encoding="ascii")
    assert b"b, per prefill token              48.2 us\n" in per_token, "a unit: it was `?s`"
    assert json.loads(said("check", broken, "--json").decode("utf-8"))["faults"][0]["file"] == str(broken)


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream_takes_what_is_written_to_it(
    closed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, closed, None)
    assert main(["catalog", "show", "nothing/such"]) == 2
    assert main(["completion", "bash"]) == 0
    getattr(sys, closed).close()
    found = capsys.readouterr()
    assert "nothing/such" not in found.out, "an error is no result"
    assert bool(found.err) == (closed == "stdout")


def test_no_words_at_all_get_the_first_steps() -> None:
    found = call()
    assert found.code == 2
    assert "simcost init" in found.err
