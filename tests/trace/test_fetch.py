"""`trace fetch`: a file from a server that breaks off, lies or is not there, or the remedy; never half a file."""

import json
from collections.abc import Iterator
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.file_server import Site, serving

from simcost.catalog import load_catalog
from simcost.catalog.public_traces import PublicTrace
from simcost.cli.main import main
from simcost.errors import CatalogError, FaultsError, InputError
from simcost.trace.jobs.formats import JOB_FORMATS
from simcost.trace.public import download
from simcost.trace.public.fetch import fetch_trace
from simcost.trace.requests.formats import FORMATS

LOG = b"TIMESTAMP,ContextTokens,GeneratedTokens\n" + b"".join(
    b"2023-11-16 18:17:%02d.9799600,%d,10\n" % (second, 100 + second) for second in range(60)
)
WHOLE = [("/log.csv", "")]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(files={"/log.csv": LOG})) as running:
        yield running


def public(site: Site, *paths: str, **changes: Any) -> PublicTrace:
    values: dict[str, Any] = {
        "name": "an-hour",
        "what": "an hour",
        "holds": "requests",
        "format": "azure-llm",
        "urls": " ".join(site.url + path for path in paths or ("/log.csv",)),
        "bytes": len(LOG),
        "sha256": sha256(LOG).hexdigest(),
        "licence": "CC0",
        "citation": "us",
        "source": "us",
        "as_of": "2026",
        "quality": "A",
    }
    return PublicTrace(**{**values, **changes})


def fetch(trace: PublicTrace, folder: Path) -> dict[str, Any]:
    return fetch_trace(trace, folder, report=lambda _count, _whole: None, rows=lambda _rows: None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_is_checked_and_imported_and_the_second_time_nothing_is_done(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "traces"
    first = fetch(public(site), folder)
    assert (folder / "log.csv").read_bytes() == LOG
    assert names(folder) == ["an-hour.parquet", "log.csv"]
    assert (first["bytes"], first["sha256"]) == (len(LOG), sha256(LOG).hexdigest())
    assert (first["licence"], first["source"]) == ("CC0", f"{site.url}/log.csv")
    assert first["downloaded"]
    assert first["imported"]["rows"] == 60
    before = (folder / "an-hour.parquet").stat().st_mtime_ns
    again = fetch(public(site), folder)
    assert (again["downloaded"], again["imported"], again["trace"]) == (False, None, first["trace"])
    assert (folder / "an-hour.parquet").stat().st_mtime_ns == before
    assert site.asked == WHOLE


@pytest.mark.parametrize("lengths", [True, False])
def test_a_connection_that_is_cut_goes_on_where_it_was(site: Site, tmp_path: Path, *, lengths: bool) -> None:
    site.cuts, site.lengths = [700, 300], lengths
    fetch(public(site), tmp_path)
    assert (tmp_path / "log.csv").read_bytes() == LOG
    assert site.asked == [*WHOLE, ("/log.csv", "bytes=700-"), ("/log.csv", "bytes=1000-")]


def test_the_next_command_goes_on_where_the_last_was(site: Site, tmp_path: Path) -> None:
    site.cuts = [400, 1, 1, 1]
    with pytest.raises(InputError, match="breaks off after 403 of 2,140 bytes, 4 times"):
        fetch(public(site), tmp_path)
    assert names(tmp_path) == [".log.csv.part", ".log.csv.part.json"]
    fetch(public(site), tmp_path)
    assert site.asked[-1] == ("/log.csv", "bytes=403-")
    assert names(tmp_path) == ["an-hour.parquet", "log.csv"]


@pytest.mark.parametrize("change", [{"etag": '"two"'}, {"etag": 'W/"weak"'}, {"etag": ""}, {"ranges": False}])
def test_a_part_of_another_version_is_not_kept(site: Site, tmp_path: Path, change: dict[str, Any]) -> None:
    site.cuts = [400, 0, 0, 0]
    with pytest.raises(InputError):
        fetch(public(site), tmp_path)
    (tmp_path / ".log.csv.part").write_bytes(b"x" * 400)
    for name, value in change.items():
        setattr(site, name, value)
    fetch(public(site), tmp_path)
    assert (tmp_path / "log.csv").read_bytes() == LOG


def test_a_part_that_is_already_whole_or_longer_begins_anew(site: Site, tmp_path: Path) -> None:
    site.cuts = [400, 0, 0, 0]
    with pytest.raises(InputError):
        fetch(public(site), tmp_path)
    (tmp_path / ".log.csv.part").write_bytes(LOG)
    fetch(public(site), tmp_path)
    assert (tmp_path / "log.csv").read_bytes() == LOG


@given(st.lists(st.integers(0, 900), max_size=3))
def test_wherever_it_is_cut_the_file_is_whole(cuts: list[int]) -> None:
    from tempfile import TemporaryDirectory

    with serving(Site(files={"/log.csv": LOG}, cuts=list(cuts))) as site, TemporaryDirectory() as folder:
        fetch(public(site, holds="nodes", format="nodes"), Path(folder))
        assert (Path(folder) / "log.csv").read_bytes() == LOG
        assert names(Path(folder)) == ["log.csv"]


def test_a_passing_failure_is_tried_again_and_another_is_not(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    fetch(public(site), tmp_path / "a")
    assert site.asked == 3 * WHOLE
    with pytest.raises(InputError, match=r"/gone\.csv answers 404"):
        fetch(public(site, "/gone.csv"), tmp_path / "b")
    assert len(site.asked) == 4
    assert names(tmp_path / "b") == []


def test_mirrors_are_tried_in_turn(site: Site, tmp_path: Path) -> None:
    site.files |= {"/short/log.csv": LOG[:-1], "/other/log.csv": LOG.replace(b"1", b"2")}
    document = fetch(public(site, "/gone/log.csv", "/short/log.csv", "/other/log.csv", "/log.csv"), tmp_path)
    assert document["source"] == f"{site.url}/log.csv"
    assert (tmp_path / "log.csv").read_bytes() == LOG


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (LOG[:-1], "has 2,139 bytes, not the 2,140 published"),
        (LOG + b"x", "has 2,141 bytes, not the 2,140 published"),
        (LOG.replace(b"1", b"2"), "has the SHA-256 [0-9a-f]{64}, not the published"),
    ],
)
def test_another_file_than_published_is_refused(site: Site, tmp_path: Path, body: bytes, message: str) -> None:
    site.files["/log.csv"] = body
    with pytest.raises(InputError, match=message):
        fetch(public(site), tmp_path / "new" / "folder")
    assert names(tmp_path) == [], "nor is the folder left that was made for it"


def test_the_hash_of_git_is_checked(site: Site, tmp_path: Path) -> None:
    right = sha1(b"blob %d\0" % len(LOG) + LOG).hexdigest()
    document = fetch(public(site, bytes=None, sha256=None, git_blob_sha1=right), tmp_path / "a")
    assert (document["checked_by"], document["findings"]) == ("git_blob_sha1", [])
    with pytest.raises(InputError, match="Git blob SHA-1"):
        fetch(public(site, bytes=None, sha256=None, git_blob_sha1="0" * 40), tmp_path / "b")


def test_what_cannot_be_checked_is_said_with_its_hash(site: Site, tmp_path: Path) -> None:
    document = fetch(public(site, bytes=None, sha256=None), tmp_path)
    assert document["checked_by"] is None
    assert sha256(LOG).hexdigest() in document["findings"][0]["message"]


def test_a_file_without_end_and_a_pointer_are_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 1000)
    site.lengths = False
    with pytest.raises(InputError, match="sends more than 1,000 bytes"):
        fetch(public(site, bytes=None, sha256=None), tmp_path)
    site.files["/log.csv"] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    with pytest.raises(InputError, match="pointer of Git LFS"):
        fetch(public(site, bytes=None, sha256=None), tmp_path)
    assert names(tmp_path) == []


def test_redirects_go_to_this_machine_or_to_https(site: Site, tmp_path: Path) -> None:
    site.redirects = {
        "/old/log.csv": f"{site.url}/log.csv",
        "/loop/log.csv": f"{site.url}/loop/log.csv",
        "/plain/log.csv": "http://example.org/log.csv",
        "/disk/log.csv": "file:///etc/hostname",
    }
    fetch(public(site, "/old/log.csv"), tmp_path)
    for path, reason in (
        ("plain", "not an https"),
        ("disk", "not an https|answers 302"),
        ("loop", "answers 302"),
    ):
        with pytest.raises(InputError, match=reason):
            fetch(public(site, f"/{path}/log.csv"), tmp_path / path)


def test_files_of_others_stay(site: Site, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("mine")
    with pytest.raises(InputError, match=r"log\.csv: has 4 bytes.*move it away"):
        fetch(public(site), tmp_path)
    (tmp_path / "log.csv").unlink()
    (tmp_path / "an-hour.parquet").write_text("mine")
    with pytest.raises(InputError, match=r"an-hour\.parquet: is not the stored trace of log\.csv"):
        fetch(public(site), tmp_path)
    assert (tmp_path / "an-hour.parquet").read_text() == "mine"
    (tmp_path / "folder" / "log.csv").mkdir(parents=True)
    with pytest.raises(InputError, match="is not a regular file"):
        fetch(public(site), tmp_path / "folder")
    with pytest.raises(InputError, match="cannot be written"):
        fetch(public(site), tmp_path / "an-hour.parquet" / "below")


def test_a_file_put_there_by_hand_is_imported_without_network(tmp_path: Path) -> None:
    away = public(Site(url="http://127.0.0.1:1"))
    with pytest.raises(InputError) as error:
        fetch(away, tmp_path)
    for part in (
        "http://127.0.0.1:1/log.csv",
        str(tmp_path / "log.csv"),
        sha256(LOG).hexdigest(),
        "no connection",
    ):
        assert part in str(error.value)
    (tmp_path / "log.csv").write_bytes(LOG)
    assert fetch(away, tmp_path)["imported"]["rows"] == 60


def test_the_command_and_a_catalog_of_ones_own(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "name,what,holds,format,mapping,urls,licence,citation,source,as_of,quality\n"
    row = f"ours,our jobs,jobs,csv,gpus=n,{site.url}/jobs.csv,ours,us,us,2026-01,A\n"
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "public_traces.csv").write_text(header + row)
    site.files["/jobs.csv"] = b"submit,duration,n\n0,100,2\n5,60,1\n"
    words = ["trace", "fetch", "ours", "-o", str(tmp_path), "--catalog", str(tmp_path / "facts")]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"file", "bytes", "sha256", "licence", "source"} <= set(document)
    assert document["imported"]["jobs"] == 2
    assert main(words) == 0
    assert "not checked, was there" in " ".join(capsys.readouterr().out.split())
    assert main(["trace", "fetch", "--json"]) == 0
    assert "azure-conv-2023" in [row["name"] for row in json.loads(capsys.readouterr().out)["rows"]]
    assert main(["trace", "fetch", "azure-conv-203"]) == 2
    assert "did you mean 'azure-conv-2023'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["http://example.org/a.csv", "file:///a.csv", "ftp://a.org/b", "https:///a", "https://a.org/"]
)
def test_addresses_are_https_and_name_a_file(url: str, tmp_path: Path) -> None:
    header = "name,what,holds,format,urls,licence,citation,source,as_of,quality\n"
    (tmp_path / "public_traces.csv").write_text(f"{header}x,x,nodes,nodes,{url},x,x,x,2026,A\n")
    with pytest.raises(FaultsError, match=r"public_traces\.csv:2"):
        load_catalog(tmp_path)


def test_the_public_traces_can_be_read() -> None:
    traces = load_catalog().facts.public_traces
    for trace in traces:
        formats = {"requests": set(FORMATS), "jobs": set(JOB_FORMATS), "nodes": {"nodes"}}[trace.holds]
        assert trace.format in formats
        assert trace.quality == ("A" if trace.sha256 else "B" if trace.git_blob_sha1 else "C")
    assert len({trace.file for trace in traces}) == len(traces)
    with pytest.raises(CatalogError, match="lists them"):
        load_catalog().public_trace("zzzzzzzzz")
