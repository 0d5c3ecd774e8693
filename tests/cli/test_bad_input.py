"""Bad input, end to end: exit 2, nothing on stdout, no traceback; the message names place, value and remedy."""

import re
from pathlib import Path

import pytest
from support.commands import LOG, TINY, call, refused, scenario, trace

pytestmark = pytest.mark.usefixtures("no_report")
WORKLOAD = "{kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}"
SMALLEST = (("seeds: 2", "seeds: 1"), (WORKLOAD, "{kind: trace, path: log.parquet}"))


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("rate: 1/s", "rte: 1/s", "5:29", "unknown key 'rte'; did you mean 'rate'?"),
        ("seeds: 2", "seeds: two", "4:8", "'two' is not a whole number"),
        ("seeds: 2", "seeds: [2]", "4:8", "a list is not a whole number"),
        ("horizon: 10min", "horizon: 10 parsecs", "3:10", "unknown unit 'parsecs'; known here: ns"),
        ("ttft: 1s", "ttft: -1s", "6:13", "'-1s' must be above 0"),
        ("rate: 1/s", "rate: .nan", "5:35", ".nan is not a finite number"),
        ("rate: 1/s", "rate: 1e12", "5:35", "must be at most 1e+06"),
        ("horizon: 10min", "horizon: 1e300", "3:10", "must be at most 1e+09"),
        ("replicas: 1", "replicas: 1000000000", "11:38", "must be at most 1e+06"),
        ("seeds: 2", "seeds: 2\nseeds: 3", "5:1", "'seeds'"),
        ("model: llama-3.2-1b", "model: llama-3.2-1bb", "2:8", "did you mean 'llama-3.2-1b'"),
        (
            "accelerator: l4}\n    buy: {offer: aws/g6.xlarge}\n    scaling: {kind: fixed",
            "accelerator: l5}\n    buy: {offer: aws/g6.xlarge}\n    scaling: {kind: fixed",
            "9:28",
            "'l5'",
        ),
        (
            "aws/g6.xlarge}\n    scaling: {kind: fixed",
            "aws/g6.huge}\n    scaling: {kind: fixed",
            "10:18",
            "aws/g6.",
        ),
        ("kind: fixed", "kind: fixd", "11:21", "did you mean 'fixed'?"),
        ("model: llama-3.2-1b", "model: llama-3.1-70b", "9:14", "does not fit on 1 x l4"),
        (WORKLOAD, "{kind: trace, path: gone.parquet}", "5:31", "`simcost trace import` makes one"),
        (WORKLOAD, "{kind: trace, path: /etc/passwd}", "5:31", "lies outside"),
        ("plans:", "plans: []\nold:", "7:8", "needs at least 1"),
        ("scenario: tiny", "scenario: tiny: x", "1:15", ""),
        (TINY, "", "1:1", "is empty"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_faulty_scenario(tmp_path: Path, verb: str, old: str, new: str, place: str, said: str) -> None:
    file = scenario(tmp_path)
    file.write_text(file.read_text().replace(old, new, 1))
    words = (verb, file, "--out", tmp_path / "out") if verb == "run" else (verb, file)
    lines = refused(*words).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines), "editors follow file:line:column"
    assert any(line.startswith(f"{file}:{place}") and said in line for line in lines), lines
    assert not (tmp_path / "out").exists()


def test_all_faults_of_a_file_together(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        ("rate: 1/s", "rte: 1/s"),
        ("seeds: 2", "seeds: 0"),
        ("ttft: 1s", "ttft: 1 hogshead"),
        ("accelerator: l4", "accelerator: l5"),
    )
    lines = refused("run", file, "--out", tmp_path / "out").splitlines()
    places = [tuple(map(int, match.groups())) for line in lines if (match := re.search(r":(\d+):(\d+): ", line))]
    assert len(places) == len(lines) >= 6
    assert places == sorted(places)
    assert {line for line, _ in places} >= {4, 5, 6, 9, 13}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: &x [*x]\n", b"- 1\n", b"a: !!python/none 1\n", b"\0"])
def test_what_is_no_scenario_at_all(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    assert refused("run", file).startswith(f"{file}")


@pytest.mark.parametrize("words", [("run",), ("check",), ("trace", "describe")])
def test_a_missing_file(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = refused(*words, tmp_path / "gone.yaml")
    assert "gone.yaml" in said
    assert "No such file" in said or "no such file" in said
    assert str(tmp_path) in refused(*words, tmp_path)


def test_a_first_line_without_end(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("x" * 200_000, encoding="utf-8")
    said = refused("trace", "import", log, "--format", "csv", "-o", tmp_path / "log.parquet")
    assert f"{log}: line 1: field larger than field limit (131072); is it a table whose first line names" in said


@pytest.mark.parametrize("words", [("run",), ("check",), ("trace", "describe"), ("verify",), ("forecast",)])
def test_a_link_to_itself(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Until Python 3.13 `Path.resolve` raises RuntimeError for it."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert str(loop) in refused(*words, loop)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lama-3.1-8b", "--on", "h100"), "'lama-3.1-8b'; did you mean 'llama-3.1-8b'"),
        (("llama-3.1-8b", "--on", "h1000"), "did you mean"),
        (("llama-3.1-70b", "--on", "l4"), "111.9 GiB are missing. What would fit: tp 8"),
        (("llama-3.1-8b", "--on", "h100", "--tp", "3"), "possible: 1, 2, 4, 8"),
        (("llama-3.1-8b", "--on", "h100", "--precision", "f8"), "'f8' is not one of bf16, fp8"),
        (("llama-3.1-8b", "--on", "h100", "--memory-utilisation", "nan"), "memory_utilisation"),
        (("llama-3.1-8b", "--on", "h100", "--memory-utilisation", "1.1"), "must be at most 1"),
    ],
)
def test_perf(words: tuple[str, ...], said: str) -> None:
    assert said in refused("perf", *words)


def test_an_unknown_fact() -> None:
    assert "catalog list" in refused("catalog", "show", "nothing")
    assert "models" in refused("catalog", "list", "modles")
    assert "does not exist" in refused("catalog", "list", "models", "--catalog", "nowhere")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", "the file is empty"),
        ("arrival,prompt_tokens,output_tokens\n", "no requests"),
        ("arrival,prompt_tokens\n0,1\n", "output_tokens"),
        (
            "arrival,prompt_tokens,output_tokens\n0,5,5\n1,-5,5\n",
            "row 2 (line 3): prompt_tokens: '-5' is not a whole number from 0",
        ),
        (
            "arrival,prompt_tokens,output_tokens\n0,5,nan\n",
            "row 1 (line 2): output_tokens: the value is missing",
        ),
        ("arrival,prompt_tokens,output_tokens\n0,5,1.5\n", "'1.5' is not a whole number"),
        ("arrival,prompt_tokens,output_tokens\nsoon,5,5\n", "'soon' is not a time"),
        ("arrival,prompt_tokens,output_tokens\n0,5,5,5\n", "4 values, but the header has 3 columns"),
    ],
)
def test_a_faulty_log(tmp_path: Path, log: str, said: str) -> None:
    file, out = tmp_path / "log.csv", tmp_path / "log.parquet"
    file.write_text(log, encoding="utf-8")
    words = ("trace", "import", file, "--format", "csv", "-o", out)
    assert said in refused(*words)
    assert list(tmp_path.iterdir()) == [file], "nothing half-written"
    assert "csv" in refused(*words[:3], "--format", "cvs", "-o", out)


def test_bad_rows_are_skipped_if_wanted_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text(LOG + "400,x,1\n", encoding="utf-8")
    words = ("trace", "import", file, "--format", "csv", "-o", tmp_path / "t.parquet", "--on-error", "skip")
    said = call(*words)
    assert said.code == 0
    assert "4 requests" in said.out
    assert "dropped 1" in said.out
    assert "line 6" in said.out


def test_unsorted_and_duplicate_times_are_mended_and_empty_outputs_left_out(tmp_path: Path) -> None:
    stored = trace(tmp_path, "arrival,prompt_tokens,output_tokens\n9,5,5\n3,5,5\n3,5,6\n2,5,0\n0,0,5\n")
    said = call("trace", "import", tmp_path / "log.csv", "--format", "csv", "-o", stored)
    assert "4 requests in 9 s" in " ".join(said.out.split())
    assert "the trace was sorted" in said.out
    assert "1 request without output tokens failed" in " ".join(said.out.split())
    assert "1 prompt of 0 tokens was set to 1" in said.out
    assert "arrive at the same instant" in said.out
    ran = call("run", scenario(tmp_path, *SMALLEST, ("horizon: 10min\n", "")), "--out", tmp_path / "out", "--json")
    assert ran.document()["plans"][0]["requests"]["arrived"] == 4


@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_a_damaged_trace(tmp_path: Path, damage: str) -> None:
    stored = trace(tmp_path)
    content = {"truncated": stored.read_bytes()[:-20], "empty": b"", "text": b"arrival,x\n"}[damage]
    stored.write_bytes(content)
    assert "log.parquet" in refused("trace", "describe", stored)
    said = refused("run", scenario(tmp_path, *SMALLEST), "--out", tmp_path / "out")
    assert "log.parquet" in said
    assert "import" in said
    assert not (tmp_path / "out" / "result.json").exists()


def test_a_request_longer_than_the_kv_cache_is_rejected_and_reported(tmp_path: Path) -> None:
    trace(tmp_path, LOG + "301,900000,10\n302,900000,10\n")
    file = scenario(tmp_path, *SMALLEST)
    words = ("run", file, "--out", tmp_path / "out", "--quiet")
    for plan in call(*words, "--json").document()["plans"]:
        assert (plan["requests"]["arrived"], plan["requests"]["rejected"], plan["requests"]["too_long"]) == (6, 2, 2)
        assert plan["slo"]["attainment"] == pytest.approx(4 / 6), "a rejected request is a miss"
    said = " ".join(call(*words).out.split())
    assert "Requests without an answer" in said
    assert "one: 2 of 6 rejected (longer than the KV cache of a replica, or turned away at the gateway)" in said


def test_clients_that_gave_up_are_reported(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        (
            "scaling: {kind: fixed, replicas: 1}",
            "scaling: {kind: fixed, replicas: 1}\n    admission: {timeout: 1ms}",
        ),
    )
    assert re.search(r"one: \d+ of \d+ timed out \(clients gave up\)", call("run", file, "--out", tmp_path / "o").out)


def test_a_scenario_is_not_overwritten_by_results(tmp_path: Path) -> None:
    file = scenario(tmp_path).rename(tmp_path / "scenario.yaml")
    assert "would be lost; choose another --out" in refused("run", file, "--out", tmp_path)
    assert file.read_text() == TINY
    assert call("run", file, "--out", tmp_path / "out", "--quiet").code == 0
    assert call("run", tmp_path / "out" / "scenario.yaml", "--out", tmp_path / "out", "--quiet").code == 0


@pytest.mark.parametrize("word", ["\0", "\udcff.yaml"])
def test_names_that_are_no_text(tmp_path: Path, word: str) -> None:
    file = scenario(tmp_path)
    for words in (("check", word), ("run", file, "--out", word), ("run", file, "--data", word)):
        assert "is not UTF-8 text" in refused(*words)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    file = scenario(tmp_path)
    said = refused("run", file, "--out", file, "--quiet")
    assert f"simcost: {file}" in said
    assert "choose another place" in said
    assert file.read_text() == TINY
    assert "choose another place" in refused("run", file, "--out", "/proc/nowhere", "--quiet")
    (tmp_path / "log.csv").write_text(LOG)
    words = ("trace", "import", tmp_path / "log.csv", "--format", "csv", "-o")
    assert "is a folder; name a file in it" in refused(*words, tmp_path)
    assert "choose another place" in refused(*words, file / "t.parquet")
    assert "choose another place" in refused(*words, "/proc/nowhere/t.parquet")
