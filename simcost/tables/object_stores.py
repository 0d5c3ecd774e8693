"""Object stores: a file by its URI, such as s3://bucket/key, copied whole; a folder copied up, its sums last.

Credentials come from the environment or the identity of the machine, never from a URI. `AWS_ENDPOINT_URL` names
another server than Amazon's.
"""

import os
import re
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

from simcost.errors import InputError

_URI = re.compile(r"(s3|gs|gcs|abfs|abfss):/+(?=[^/])")
_PART_BYTES = 8_388_608


def uri_of(path: PurePath) -> str:
    """The URI that was written as a path, whose second slash a path loses; empty if it is none.

    Raises:
        InputError: it has credentials, which the message does not repeat.
    """
    text = str(path)
    found = _URI.match(text)
    if found and found[1] in ("s3", "gs", "gcs") and "@" in text[found.end() :].partition("/")[0]:
        raise InputError(f"{found[1]}://: the URI has credentials in it; give them in the environment")
    return f"{found[1]}://{text[found.end() :]}" if found else ""


def download(uri: str, folder: Path) -> Path:
    """A copy of an object in a folder, as long as the store says that it is.

    Raises:
        InputError: there is no such object, it cannot be read, or it came cut short.
    """
    target = folder / PurePath(urlsplit(uri).path).name
    try:
        store, key = _opened(uri)
        info = store.get_file_info(key)
        if not info.is_file:
            raise InputError(f"{uri}: no such object; give the whole URI of one file")
        with store.open_input_stream(key) as source, target.open("wb") as copy:
            while part := source.read(_PART_BYTES):
                copy.write(part)
    except (OSError, ValueError) as error:
        raise InputError(f"{uri}: cannot be read: {_reason(error)}") from error
    if (came := target.stat().st_size) != info.size:
        raise InputError(f"{uri}: {came:,} bytes came of {info.size:,}; try again")
    return target


def upload(folder: Path, uri: str, last: str) -> None:
    """Copy the files of a folder under a URI.

    An object store cannot rename: the file `last`, which seals the others, is removed first and written last, so that
    a copy that was cut short has no seal.

    Raises:
        InputError: it cannot be written there.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if _is_result(path, folder))
    try:
        store, prefix = _opened(uri)
        if store.get_file_info(f"{prefix}/{last}").is_file:
            store.delete_file(f"{prefix}/{last}")
        for name in sorted(names, key=lambda name: name == last):
            with store.open_output_stream(f"{prefix}/{name}") as target:
                target.write((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{uri}: cannot be written: {_reason(error)}; the results are whole in {folder}") from error


def _is_result(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not path.is_symlink() and not hidden


def _opened(uri: str) -> tuple[Any, str]:
    """The store of a URI and the path in it."""
    from pyarrow import fs

    parts = urlsplit(uri)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if parts.scheme != "s3" or not endpoint or parts.query:
        store, key = fs.FileSystem.from_uri(uri)
        return store, key.rstrip("/")
    server = urlsplit(endpoint)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    store = fs.S3FileSystem(
        endpoint_override=server.netloc, scheme=server.scheme, region=region, connect_timeout=10, request_timeout=60
    )
    return store, f"{parts.netloc}{parts.path}".rstrip("/")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())
