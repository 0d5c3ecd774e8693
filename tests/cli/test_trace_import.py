"""`simcost trace import`: the mapping wherever it stands, several files, rows of one model; and the run afterwards."""

import json
from pathlib import Path

import pytest
from support.commands import call, refused, scenario

pytestmark = pytest.mark.usefixtures("no_report")
MAP = ("arrival=ts", "prompt_tokens=n in", "output_tokens=n_out")
LOG = "ts,n in,n_out,model\n0,5,6,openai/Llama-3.2-1B-Instruct\n200,7,8,gpt-4o\n300,3,4,gpt-4o\n"
TO_TRACE = (
    "workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}",
    "workload: {kind: trace, path: t.parquet}",
)


@pytest.mark.parametrize(
    "words",
    [
        ("FILE", "--map", *MAP),
        ("--map", *MAP, "FILE"),
        ("--map", ",".join(MAP), "FILE"),
        ("FILE", f"--map={', '.join(MAP)}"),
        ("--map", MAP[0], "FILE", "--map", MAP[1], MAP[2]),
        (f"--map={MAP[0]}", MAP[1], "FILE", "--map", MAP[2]),
        ("--map", *MAP, "--quiet", "FILE"),
        ("--map", MAP[0], "FILE", MAP[1], MAP[2]),
        ("--map", MAP[0], "--map", MAP[1], "--map", MAP[2], "--", "FILE"),
    ],
)
def test_the_mapping_stands_anywhere(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "log.csv"
    file.write_text(LOG, encoding="utf-8")
    given = [file if word == "FILE" else word for word in words]
    out = tmp_path / "t.parquet"
    said = call("trace", "import", "--json", "--format", "csv", "-o", out, *given)
    assert (said.code, said.err) == (0, "")
    assert (said.document()["rows"], said.document()["span_s"]) == (3, 300)


def test_a_name_may_hold_a_comma(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text('ts,"n, in",n_out\n0,5,6\n', encoding="utf-8")
    words = ("--map", "arrival=ts,prompt_tokens=n, in,output_tokens=n_out")
    assert call("trace", "import", file, "--format", "csv", "-o", tmp_path / "t.parquet", *words).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--where", "model"), "'model' is not COL=VALUE"),
        (("--delimiter", "x"), "'x' is not a delimiter"),
        (("--thousands", "5"), "'5' is not a mark"),
        (("--map", "arrival"), "is not NAME=COLUMN"),
        (("--time-format", "%Q"), "%Q is unknown"),
        (("--jobs",), "from one log"),
    ],
)
def test_words_that_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    file = tmp_path / "log.csv"
    file.write_text("arrival,prompt_tokens,output_tokens\n0,5,6\n", encoding="utf-8")
    files = [file, file] if "--jobs" in words else [file]
    assert said in refused("trace", "import", *files, "--format", "csv", "-o", tmp_path / "t.parquet", *words)


def test_semicolons_german_numbers_and_several_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for day, file in enumerate(files, start=1):
        file.write_text(f"Zeit;rein;raus\n0{day}.03.2026 09:00;1.234;5\n", encoding="utf-8-sig")
    words = (
        "--map",
        "arrival=Zeit,prompt_tokens=rein,output_tokens=raus",
        "--thousands",
        ".",
        "--delimiter",
        ";",
    )
    words = ("trace", "import", *files, "--format", "csv", *words, "-o", tmp_path / "t.parquet")
    assert "--time-format '%d.%m.%Y %H:%M' if the day comes first" in refused(*words)
    said = call(*words, "--time-format", "%d.%m.%Y %H:%M", "--json").document()
    assert (said["rows"], said["span_s"], said["source"]) == (2, 86400, f"{files[0]}, {files[1]}")


def test_a_run_of_another_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    words = (
        "trace",
        "import",
        tmp_path / "log.csv",
        "--format",
        "csv",
        "--map",
        *MAP,
        "-o",
        tmp_path / "t.parquet",
    )
    assert "select it by --where model=gpt-4o" in call(*words).out
    file = scenario(tmp_path, ("seeds: 2", "seeds: 1"), TO_TRACE)
    note = "2 of 3 requests that name a model name another than llama-3.2-1b: gpt-4o (2)"
    assert note in call("check", file).out
    assert note in json.dumps(call("check", file, "--json").document()["notes"])
    ran = call("run", file, "--out", tmp_path / "out", "--json").document()
    assert any(note in line for line in ran["assumptions"])
    call(*words, "--where", "model=openai/Llama-3.2-1B-Instruct")
    assert call("check", file, "--json").document()["notes"] == []


def test_the_name_of_a_log_says_its_format(tmp_path: Path) -> None:
    for name in ("log.csv", "access.log"):
        (tmp_path / name).write_text(LOG, encoding="utf-8")
    said = call("trace", "import", "--json", "-o", tmp_path / "t.parquet", tmp_path / "log.csv", "--map", *MAP)
    assert (said.code, said.document()["rows"]) == (0, 3)
    assert "pass --format" in refused("trace", "import", "-o", tmp_path / "u.parquet", tmp_path / "access.log")
    (tmp_path / "log.xlsx").write_bytes(b"PK\x03\x04")
    assert "save the sheet as CSV" in refused("trace", "import", "-o", tmp_path / "u.parquet", tmp_path / "log.xlsx")


def test_exports_of_slurm_and_kubernetes_need_no_format(tmp_path: Path) -> None:
    """`train replay` read them by their first lines; here their names, .txt and .json, said no format."""
    sacct = "JobID|Submit|Start|End|Elapsed|AllocTRES|State\n"
    sacct += "1|2026-05-01T08:00:00|2026-05-01T08:00:00|2026-05-01T08:05:00|05:00|gres/gpu=2|COMPLETED\n"
    job = {
        "kind": "Job",
        "metadata": {"name": "a", "creationTimestamp": "2026-05-01T08:00:00Z"},
        "spec": {"template": {"spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "2"}}}]}}},
        "status": {"startTime": "2026-05-01T08:00:00Z", "completionTime": "2026-05-01T08:05:00Z"},
    }
    listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": [job]}, indent=4)
    for name, text in (("export.txt", sacct), ("jobs.json", listing)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        said = call("trace", "import", tmp_path / name, "-o", tmp_path / "t.parquet", "--json", "--quiet")
        assert (said.code, said.document()["jobs"]) == (0, 1)
    (tmp_path / "other.txt").write_text("a,b\n", encoding="utf-8")
    assert "does not say its format" in refused("trace", "import", tmp_path / "other.txt", "-o", tmp_path / "t.parquet")


def test_a_file_whose_name_looks_like_a_pair_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions are called `date=2026-03-02`."""
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text("ts,n_in,n_out\n1,2,3\n")
    Path("date=2").mkdir()
    Path("date=2", "log.csv").write_text("ts,n_in,n_out\n4,5,6\n")
    names = ("arrival=ts", "prompt_tokens=n_in", "output_tokens=n_out")
    found = call("trace", "import", "--json", "-o", "t.parquet", "--map", *names, "date=2/log.csv", "log.csv")
    assert json.loads(found.out)["rows"] == 2
