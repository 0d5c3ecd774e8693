"""Servers on loopback that speak as the object stores of Amazon, Google and Azure do, and what a test does to them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Account and key that Azurite is documented to have."""
NEEDS = {
    "s3": "pip install 'moto[server]'",
    "gs": "pip install gcp-storage-emulator",
    "abfs": "npm install --global azurite",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectServer:
    """A server with one empty bucket, and the environment in which a command finds it."""

    scheme: str
    environment: dict[str, str]
    files: Any
    """A client of pyarrow."""

    @property
    def root(self) -> str:
        """URI of the bucket."""
        return f"{self.scheme}://bucket"

    def put(self, key: str, data: bytes) -> None:
        with self.files.open_output_stream(f"bucket/{key}", compression=None) as target:
            target.write(data)

    def names(self, under: str) -> list[str]:
        found = self.files.get_file_info(fs.FileSelector(f"bucket/{under}", recursive=True))
        return sorted(info.path.removeprefix(f"bucket/{under}/") for info in found if info.is_file)

    def get(self, key: str) -> bytes:
        data: bytes = self.files.open_input_stream(f"bucket/{key}", compression=None).read()
        return data

    def has(self, key: str) -> bool:
        return bool(self.files.get_file_info(f"bucket/{key}").is_file)


@contextmanager
def object_server(scheme: str) -> Iterator[ObjectServer]:
    """A server with a bucket; the test is skipped where it is not installed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = _command(scheme, port)
    if command is None:
        pytest.skip(f"no server for {scheme}:// here: {NEEDS[scheme]}")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        server = ObjectServer(scheme=scheme, environment=_environment(scheme, port), files=_client(scheme, port))
        server.files.create_dir("bucket")
        yield server
    finally:
        process.terminate()
        process.wait()


def _command(scheme: str, port: int) -> list[str] | None:
    place = {"s3": ["-H", "127.0.0.1", "-p"], "gs": ["start", "--in-memory", "--host", "127.0.0.1", "--port"]}
    module = {"s3": "moto.server", "gs": "gcp_storage_emulator"}
    if scheme in module:
        there = find_spec(module[scheme].partition(".")[0])
        return [sys.executable, "-m", module[scheme], *place[scheme], str(port)] if there else None
    azurite = shutil.which("azurite-blob")
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"]
    return [azurite, *options, "--blobPort", str(port)] if azurite else None


def _await(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


def _environment(scheme: str, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    if scheme == "s3":
        return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    if scheme == "gs":
        return {"STORAGE_EMULATOR_HOST": url}
    account = f"AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};BlobEndpoint={url}/{AZURE_ACCOUNT};"
    return {"AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;{account}"}


def _client(scheme: str, port: int) -> Any:
    place = f"127.0.0.1:{port}"
    if scheme == "s3":
        keys = {"access_key": "test", "secret_key": "test", "region": "us-east-1"}
        return fs.S3FileSystem(endpoint_override=place, scheme="http", allow_bucket_creation=True, **keys)
    if scheme == "gs":
        options = {"anonymous": True, "project_id": "test"}
        return fs.GcsFileSystem(endpoint_override=place, scheme="http", **options)
    sides = {f"{kind}_storage_authority": place for kind in ("blob", "dfs")}
    sides |= {f"{kind}_storage_scheme": "http" for kind in ("blob", "dfs")}
    return fs.AzureFileSystem(AZURE_ACCOUNT, account_key=AZURE_KEY, **sides)


def whole_folder(server: ObjectServer, under: str, target: Path) -> Path:
    """A copy of what lies under a key."""
    for name in server.names(under):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(server.get(f"{under}/{name}"))
    return target


PROXIES = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
"""Of the environment, which a server on loopback must not be asked through."""
