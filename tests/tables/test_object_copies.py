"""Copies of objects without a server: an object that changes while it is copied, and stores that refuse."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from simcost.errors import InputError
from simcost.tables import object_stores
from simcost.tables.object_stores import download, upload


class Store:
    """Files of this machine as a store; `then` is called with the path of an object when it is opened."""

    def __init__(self, then: Any = lambda _: None) -> None:
        self._files, self._then = fs.LocalFileSystem(), then

    def get_file_info(self, key: str) -> Any:
        return self._files.get_file_info(key)

    def open_input_stream(self, key: str, **options: Any) -> Any:
        self._then(Path(key))
        return self._files.open_input_stream(key, **options)

    def open_output_stream(self, key: str, **options: Any) -> Any:
        return self._files.open_output_stream(key, **options)

    def delete_file(self, key: str) -> None:
        self._files.delete_file(key)


def written_again(path: Path) -> None:
    """Other bytes of the same length."""
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, (1e9, 1e9))


def refuses(_: Path) -> None:
    raise OSError("AWS Error ACCESS_DENIED during HeadObject operation: No response body.")


def copied(folder: Path, monkeypatch: pytest.MonkeyPatch, then: Any = lambda _: None) -> Path:
    (folder / "object.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(object_stores, "_opened", lambda _: (Store(then), str(folder / "object.csv")))
    (folder / "copies").mkdir()
    return download("s3://bucket/object.csv", folder / "copies")


def test_an_object_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert copied(tmp_path, monkeypatch).read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
@pytest.mark.parametrize("key", ["a b.csv", "day=2026-06-01 00%3A00/part #1.csv", "größe.csv"])
def test_a_key_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch, key: str, endpoint: str) -> None:
    """`#` ended it, and without an endpoint it could have no space, and `%3A` in it became a colon."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fs, "resolve_s3_region", lambda _: "eu-west-1")
    store, path = object_stores._opened(f"s3://bucket/{key}")
    assert path == f"bucket/{key}"
    assert store.region == ("us-east-1" if endpoint else "eu-west-1")


@pytest.mark.parametrize("ending", ["csv.gz", "csv.bz2", "csv.zst"])
def test_packed_objects_are_copied_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """The streams of stores unpack and pack by the end of a name, unless they are told not to."""
    name = f"log.{ending}"
    data = gzip.compress(b"a,b\n1,2\n" * 99)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / name).write_bytes(data)
    (tmp_path / "here" / "SUMS").write_text("")
    (tmp_path / "there").mkdir()
    monkeypatch.setattr(object_stores, "_opened", lambda _: (Store(), str(tmp_path / "there")))
    upload(tmp_path / "here", "s3://bucket/there", "SUMS")
    assert (tmp_path / "there" / name).read_bytes() == data
    monkeypatch.setattr(object_stores, "_opened", lambda _: (Store(), str(tmp_path / "there" / name)))
    (tmp_path / "copies").mkdir()
    assert download(f"s3://bucket/{name}", tmp_path / "copies").read_bytes() == data


def test_an_object_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in parts of 8 MiB, and one of the same length could be of both."""
    with pytest.raises(InputError, match=r"s3://bucket/object.csv: was written again while it was copied; try again"):
        copied(tmp_path, monkeypatch, written_again)


def test_a_store_that_refuses_says_what_to_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"No response body; check the credentials in the environment"):
        copied(tmp_path, monkeypatch, refuses)


def test_an_endpoint_without_a_scheme_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(InputError, match=r"AWS_ENDPOINT_URL is '127.0.0.1:9000'; write it as https://HOST:PORT"):
        upload(tmp_path, "s3://bucket/results", "SHA256SUMS")
