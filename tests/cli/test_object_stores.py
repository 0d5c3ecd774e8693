"""Commands on an object store: inputs by URI, results copied up with their seal last. The servers are on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import ArrowException
from support.commands import scenario
from support.object_servers import PROXIES, ObjectServer, object_server, whole_folder

import simcost as sc
from simcost.cli.main import main
from simcost.errors import InputError
from simcost.scenario.runs.provenance import scenario_as_read
from simcost.scenario.storage.folders import SUMS, check_sums
from simcost.tables import object_stores
from simcost.tables.object_stores import download, upload, uri_of

pytestmark = pytest.mark.slow
USAGE = "sku,hour,quantity\naws/p5.48xlarge,2026-01-01T00:00:00Z,2\n"
PLAN = "purchasing: own\nprices: {aws/p5.48xlarge: 10}\n"


@pytest.fixture(scope="module", params=["s3", "gs", "abfs"])
def server(request: pytest.FixtureRequest) -> Iterator[ObjectServer]:
    """A server of each kind, with an empty bucket."""
    with object_server(request.param) as found:
        yield found


@pytest.fixture
def store(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    for name, value in (PROXIES | server.environment).items():
        monkeypatch.setenv(name, value)
    return server


def test_usage_is_read_by_its_uri_and_named_by_it(
    store: ObjectServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    store.put("month/usage.csv", USAGE.encode())
    assert main(["bill", f"{store.root}/month/usage.csv", "--plan", str(plan), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["billed_usd"] == 20.0
    assert f"{store.root}/month/usage.csv" in document["provenance"]["inputs"]
    store.put("month/bad.csv", USAGE.replace("Z,2", "Z,-2").encode())
    assert main(["bill", f"{store.root}/month/bad.csv", "--plan", str(plan)]) == 2
    assert capsys.readouterr().err.startswith(f"{store.root}/month/bad.csv:2: quantity")
    assert main(["bill", f"{store.root}/none.csv", "--plan", str(plan)]) == 2
    assert f"{store.root}/none.csv: no such object" in capsys.readouterr().err


def test_a_trace_is_imported_from_a_log_by_its_uri(
    store: ObjectServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put("log.csv", b"arrival_s,prompt_tokens,output_tokens\n0,10,5\n1,20,5\n")
    out = tmp_path / "trace.parquet"
    assert main(["trace", "import", f"{store.root}/log.csv", "--format", "csv", "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2
    store.put("trace.parquet", out.read_bytes())
    assert main(["trace", "describe", f"{store.root}/trace.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2


def test_provenance_names_the_object_not_its_copy(
    store: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forecasts, scenarios and stored traces named a temporary file that was gone."""
    monkeypatch.chdir(tmp_path)
    hours = [f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z,{10 + hour % 24}" for hour in range(96)]
    store.put("series.csv", "\n".join(["timestamp,value", *hours, ""]).encode())
    uri = f"{store.root}/series.csv"
    assert main(["forecast", uri, "--horizon", "1d", "--paths", "20", "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["file"], list(document["provenance"]["inputs"])) == (uri, [uri])
    assert sc.forecast(uri, horizon="1d", paths=20).document == document
    store.put("tiny.yaml", scenario(tmp_path).read_bytes())
    loaded = sc.load(f"{store.root}/tiny.yaml")
    assert list(scenario_as_read(loaded.loaded.first)) == [f"{store.root}/tiny.yaml"]


def test_a_folder_is_sealed_last_and_comes_back_whole(store: ObjectServer, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    (folder / "tables").mkdir(parents=True)
    (folder / "result.json").write_text("{}")
    (folder / "tables" / "a.csv").write_text("a\n1\n")
    (folder / SUMS).write_text("")
    upload(folder, f"{store.root}/results", SUMS)
    assert store.names("results") == sorted([SUMS, "result.json", "tables/a.csv"])
    assert download(f"{store.root}/results/result.json", tmp_path).read_text() == "{}"


def test_a_copy_that_fails_leaves_no_seal(store: ObjectServer, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "result.json").write_text("{}")
    (folder / SUMS).write_text("old")
    upload(folder, f"{store.root}/again", SUMS)
    with pytest.MonkeyPatch.context() as patch:

        def fails(path: Path) -> bytes:
            raise OSError(5, "Input/output error", str(path))

        patch.setattr(Path, "read_bytes", fails)
        with pytest.raises(InputError, match="cannot be written"):
            upload(folder, f"{store.root}/again", SUMS)
    assert not store.has(f"again/{SUMS}")


@pytest.mark.usefixtures("no_report")
def test_results_of_a_run_lie_in_the_store_as_they_lie_here(
    store: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path)
    assert main(["run", "tiny.yaml", "--out", f"{store.root}/run", "--quiet", "--jobs", "1"]) == 0
    copied = whole_folder(store, "run", tmp_path / "copied")
    check_sums(copied)
    assert (copied / "result.json").is_file()


def test_a_store_without_credentials_is_an_error_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure's store raises an error of pyarrow's own, which is no OSError."""

    class Refusing:
        def get_file_info(self, _: str) -> None:
            raise ArrowException("Unknown error: AuthenticationException: Failed to get token")

    monkeypatch.setattr("simcost.tables.object_stores._opened", lambda _: (Refusing(), "log.csv"))
    with pytest.raises(InputError, match=r"cannot be read: .*; check the credentials in the environment"):
        download("abfs://c@a.dfs.core.windows.net/log.csv", tmp_path)
    with pytest.raises(InputError, match=r"cannot be written: .*; the results are whole in"):
        upload(tmp_path, "abfs://c@a.dfs.core.windows.net/out", SUMS)


def test_a_uri_survives_being_a_path_and_files_are_none() -> None:
    assert uri_of(Path("s3://bucket/a/b.csv")) == "s3://bucket/a/b.csv"
    assert uri_of(Path("gs://bucket/a")) == "gs://bucket/a"
    assert not any(uri_of(Path(text)) for text in ("a.csv", "/s3/a", "s3", "c:/a"))


@pytest.mark.parametrize("uri", ["file:///tmp/x", "memory://bucket/x", "S3://bucket/x", "https://host/x"])
def test_a_uri_of_another_kind_is_refused(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--out memory://bucket/x` ended in a traceback of pyarrow, and `file://` asked for room on the disk."""
    scheme = uri.partition(":")[0]
    assert main(["run", "mine.yaml", "--out", uri]) == 2
    assert f"{scheme}://: is not a known object store" in capsys.readouterr().err
    with pytest.raises(InputError, match="is not a known object store"):
        uri_of(Path(uri))


def test_a_folder_whose_name_has_a_colon_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "june:").mkdir()
    assert uri_of(Path("june:/x")) == ""
    assert uri_of(Path("C:/x")) == ""


def test_other_outputs_are_refused_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "import", "log.csv", "--format", "csv", "-o", "s3://bucket/trace.parquet"]) == 2
    assert "this command writes here alone" in capsys.readouterr().err


@pytest.mark.parametrize("scheme", ["s3", "gs", "abfs"])
def test_credentials_in_a_uri_are_refused_and_not_repeated(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "describe", f"{scheme}://key:secret@bucket/a.parquet"]) == 2
    assert "secret" not in capsys.readouterr().err


def test_a_container_may_name_its_account_if_it_is_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=ours;AccountKey=a2V5")
    with pytest.raises(InputError, match=r"is for account 'ours', the URI for 'theirs\.dfs\.core"):
        download("abfs://box@theirs.dfs.core.windows.net/a.csv", tmp_path)


def test_a_store_that_is_not_reached_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, a file of Google's store was waited for 84 s, and the message asked for credentials alone."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setattr(object_stores, "_CONTACT_S", 1)
    monkeypatch.setattr(object_stores, "_PATIENCE_S", 1_000_000)
    with pytest.raises(InputError, match=r"cannot be read: .*; check the network, its proxy \(HTTPS_PROXY\)"):
        download("gs://bucket/a.csv", tmp_path)
