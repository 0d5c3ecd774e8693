"""Commands on an object store: inputs by URI, results copied up with their seal last. The server is on loopback."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs
from support.commands import scenario

from simcost.cli.main import main
from simcost.errors import InputError
from simcost.scenario.storage.folders import SUMS, check_sums
from simcost.tables.object_stores import download, upload, uri_of

USAGE = "sku,hour,quantity\naws/p5.48xlarge,2026-01-01T00:00:00Z,2\n"
PLAN = "purchasing: own\nprices: {aws/p5.48xlarge: 10}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server that keeps its objects in memory."""
    if find_spec("moto") is None:
        pytest.skip("no S3 server here: pip install 'moto[server]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    found = fs.S3FileSystem(
        endpoint_override=server.removeprefix("http://"), scheme="http", region="us-east-1", allow_bucket_creation=True
    )
    found.create_dir("bucket")
    return found


def put(store: Any, key: str, text: str) -> None:
    with store.open_output_stream(f"bucket/{key}") as target:
        target.write(text.encode())


def test_usage_is_read_by_its_uri_and_named_by_it(
    store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    put(store, "month/usage.csv", USAGE)
    assert main(["bill", "s3://bucket/month/usage.csv", "--plan", str(plan), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["billed_usd"] == 20.0
    assert "s3://bucket/month/usage.csv" in document["provenance"]["inputs"]
    put(store, "month/bad.csv", USAGE.replace("Z,2", "Z,-2"))
    assert main(["bill", "s3://bucket/month/bad.csv", "--plan", str(plan)]) == 2
    assert capsys.readouterr().err.startswith("s3://bucket/month/bad.csv:2: quantity")
    assert main(["bill", "s3://bucket/none.csv", "--plan", str(plan)]) == 2
    assert "s3://bucket/none.csv: no such object" in capsys.readouterr().err


def test_a_trace_is_imported_from_a_log_by_its_uri(
    store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(store, "log.csv", "arrival_s,prompt_tokens,output_tokens\n0,10,5\n1,20,5\n")
    out = tmp_path / "trace.parquet"
    assert main(["trace", "import", "s3://bucket/log.csv", "--format", "csv", "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2
    with store.open_output_stream("bucket/trace.parquet") as target:
        target.write(out.read_bytes())
    assert main(["trace", "describe", "s3://bucket/trace.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2


def test_a_folder_is_sealed_last_and_comes_back_whole(store: Any, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    (folder / "tables").mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    (folder / "tables" / "a.csv").write_text("a\n1\n")
    (folder / SUMS).write_text("")
    upload(folder, "s3://bucket/results", SUMS)
    found = store.get_file_info(fs.FileSelector("bucket/results", recursive=True))
    names = sorted(info.path.removeprefix("bucket/results/") for info in found if info.is_file)
    assert names == sorted([SUMS, "result.json", "tables/a.csv"])
    assert download("s3://bucket/results/result.json", tmp_path).read_text() == "{}"


def test_a_copy_that_fails_leaves_no_seal(store: Any, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "result.json").write_text("{}")
    (folder / SUMS).write_text("old")
    upload(folder, "s3://bucket/again", SUMS)
    with pytest.MonkeyPatch.context() as patch:

        def fails(path: Path) -> bytes:
            raise OSError(5, "Input/output error", str(path))

        patch.setattr(Path, "read_bytes", fails)
        with pytest.raises(InputError, match="cannot be written"):
            upload(folder, "s3://bucket/again", SUMS)
    assert not store.get_file_info(f"bucket/again/{SUMS}").is_file


@pytest.mark.usefixtures("no_report")
def test_results_of_a_run_lie_in_the_store_as_they_lie_here(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path)
    assert main(["run", "tiny.yaml", "--out", "s3://bucket/run", "--quiet", "--jobs", "1"]) == 0
    copied = tmp_path / "copied"
    for info in store.get_file_info(fs.FileSelector("bucket/run", recursive=True)):
        if info.is_file:
            target = copied / info.path.removeprefix("bucket/run/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.open_input_stream(info.path).read())
    check_sums(copied)
    assert (copied / "result.json").is_file()


def test_a_uri_survives_being_a_path_and_files_are_none() -> None:
    assert uri_of(Path("s3://bucket/a/b.csv")) == "s3://bucket/a/b.csv"
    assert uri_of(Path("gs://bucket/a")) == "gs://bucket/a"
    assert not any(uri_of(Path(text)) for text in ("a.csv", "/s3/a", "s3", "c:/a"))


def test_other_outputs_are_refused_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "import", "log.csv", "--format", "csv", "-o", "s3://bucket/trace.parquet"]) == 2
    assert "this command writes here alone" in capsys.readouterr().err


def test_credentials_in_a_uri_are_refused_and_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "describe", "s3://key:secret@bucket/a.parquet"]) == 2
    assert "secret" not in capsys.readouterr().err
