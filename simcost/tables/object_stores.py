"""Object stores: a file by its URI, such as s3://bucket/key, copied whole; a folder copied up, its sums last.

Credentials come from the environment or the identity of the machine, never from a URI. `AWS_ENDPOINT_URL`,
`STORAGE_EMULATOR_HOST` and `AZURE_STORAGE_CONNECTION_STRING` name other servers than those of the providers.
"""

import os
import re
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import SplitResult, urlsplit

from simcost.errors import InputError

_URI = re.compile(r"(s3|gs|gcs|abfs|abfss):/+(?=[^/])")
_OTHER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(?=[^/])")
_PART_BYTES = 8_388_608
_COPIES: dict[Path, str] = {}
"""URIs of the objects that files here are copies of."""
_PATIENCE_S = 60
"""Time for which an answer of a store is waited for."""
_CONTACT_S = 5
"""Time after which Google's store is not tried again where it has not answered at all."""


def uri_of(path: PurePath) -> str:
    """The URI that was written as a path, whose second slash a path loses; empty if it is none.

    Raises:
        InputError: it has credentials, which the message does not repeat, or is that of no known kind of store.
    """
    text = str(path)
    found = _URI.match(text)
    other = _OTHER.match(text)
    if other and not found and not Path(f"{other[1]}:").exists():
        raise InputError(
            f"{other[1]}://: is not a known object store; write s3://, gs:// or abfs://, or the path of a file or "
            "folder on this machine"
        )
    if found and _has_credentials(found[1], text[found.end() :].partition("/")[0]):
        raise InputError(f"{found[1]}://: the URI has credentials in it; give them in the environment")
    return f"{found[1]}://{text[found.end() :]}" if found else ""


def download(uri: str, folder: Path) -> Path:
    """A copy of an object in a folder, as long as the store says that it is.

    Raises:
        InputError: the object is not there, cannot be read, was cut short, or was written again meanwhile.
    """
    target = folder / PurePath(_parts(uri).path).name
    try:
        store, key = _opened(uri)
        info = store.get_file_info(key)
        if not info.is_file:
            raise InputError(f"{uri}: no such object; give the whole URI of one file")
        with store.open_input_stream(key, compression=None) as source, target.open("wb") as copy:
            while part := source.read(_PART_BYTES):
                copy.write(part)
        after = store.get_file_info(key)
    except _errors() as error:
        raise InputError(f"{uri}: cannot be read: {_reason(error)}") from error
    if (after.size, after.mtime_ns) != (info.size, info.mtime_ns):  # it comes in parts, which may be of both
        raise InputError(f"{uri}: was written again while it was copied; try again")
    if (came := target.stat().st_size) != info.size:
        raise InputError(f"{uri}: {came:,} bytes came of {info.size:,}; try again")
    _COPIES[target] = uri
    return target


def original_uri(path: Path) -> str:
    """The URI of the object that a file is a copy of; empty if it is none."""
    return _COPIES.get(path, "")


def source_name(path: Path) -> str:
    """The name of an input in documents: its path from the working directory, of the copy of an object its URI."""
    return original_uri(path) or os.path.relpath(path)


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
            with store.open_output_stream(f"{prefix}/{name}", compression=None) as target:
                target.write((folder / name).read_bytes())
    except _errors() as error:
        raise InputError(f"{uri}: cannot be written: {_reason(error)}; the results are whole in {folder}") from error


def _is_result(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not path.is_symlink() and not hidden


def _has_credentials(scheme: str, place: str) -> bool:
    """True if there is a name before a bucket, or a password behind that of a container."""
    before, at, _ = place.rpartition("@")
    return bool(at) and (scheme not in ("abfs", "abfss") or ":" in before)


def _opened(uri: str) -> tuple[Any, str]:
    """The store of a URI and the path in it."""
    from pyarrow import fs

    parts = _parts(uri)
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    account = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if parts.scheme == "s3" and not parts.query:
        return _amazon(endpoint) if endpoint else _amazon_of(parts.netloc), path
    if parts.scheme in ("gs", "gcs") and not parts.query:
        emulator = os.environ.get("STORAGE_EMULATOR_HOST")
        _google(emulator, _CONTACT_S).get_file_info(path)
        return _google(emulator, _PATIENCE_S), path
    if parts.scheme in ("abfs", "abfss") and account:
        return _azure(account, parts)
    store, key = fs.FileSystem.from_uri(uri)
    return store, key.rstrip("/")


def _parts(uri: str) -> SplitResult:
    """The parts of a URI; a key is taken as it stands, with `#` and `%3A`, as the tools of the providers take it."""
    return urlsplit(uri, allow_fragments=False)


def _amazon_of(bucket: str) -> Any:
    """Amazon's store, in the region of a bucket."""
    from pyarrow import fs

    return fs.S3FileSystem(region=fs.resolve_s3_region(bucket), connect_timeout=10, request_timeout=_PATIENCE_S)


def _amazon(endpoint: str) -> Any:
    from pyarrow import fs

    server = urlsplit(endpoint)
    if server.scheme not in ("http", "https") or not server.netloc:
        raise ValueError(f"AWS_ENDPOINT_URL is {endpoint!r}; write it as https://HOST:PORT")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return fs.S3FileSystem(
        endpoint_override=server.netloc,
        scheme=server.scheme,
        region=region,
        connect_timeout=10,
        request_timeout=_PATIENCE_S,
    )


def _google(emulator: str | None, patience_s: float) -> Any:
    """Google's store, or an emulator, which asks for no credentials."""
    from pyarrow import fs

    patience = timedelta(seconds=patience_s)  # else a quarter of an hour
    if not emulator:
        return fs.GcsFileSystem(retry_time_limit=patience)
    server = urlsplit(emulator if "://" in emulator else f"http://{emulator}")
    return fs.GcsFileSystem(
        anonymous=True, scheme=server.scheme, endpoint_override=server.netloc, retry_time_limit=patience
    )


def _azure(account: str, parts: SplitResult) -> tuple[Any, str]:
    """The store of a connection string, as Azure's tools read it, and the path of a URI in it.

    Raises:
        ValueError: the string names no account, or another one than the URI.
    """
    from pyarrow import fs

    said = dict(part.split("=", 1) for part in account.split(";") if "=" in part)
    name = said.get("AccountName", "")
    container, at, host = parts.netloc.rpartition("@")
    if not name or (at and host.partition(".")[0] != name):
        raise ValueError(f"AZURE_STORAGE_CONNECTION_STRING is for account {name!r}, the URI for {host!r}")
    server = urlsplit(said.get("BlobEndpoint", ""))
    own = {"blob_storage": server.netloc, "dfs_storage": server.netloc} if server.netloc else {}
    options = {f"{kind}_authority": place for kind, place in own.items()}
    options |= {f"{kind}_scheme": server.scheme for kind in own}
    store = fs.AzureFileSystem(
        name, account_key=said.get("AccountKey"), sas_token=said.get("SharedAccessSignature"), **options
    )
    return store, f"{container or host}{parts.path}".rstrip("/")


def _errors() -> tuple[type[Exception], ...]:
    """Errors that a store raises: Azure's without credentials is an error of pyarrow's own."""
    from pyarrow import ArrowException

    return OSError, ValueError, ArrowException


_REFUSED = (
    "ACCESS_DENIED",
    "InvalidAccessKey",
    "SignatureDoesNotMatch",
    "403",
    "AuthenticationException",
    "access token",
)
"""Words of the errors of a store that refuses the caller, or finds no credentials."""


_UNREACHED = ("resolve host", "NETWORK_CONNECTION", "CURL error [7]", "CURL error [28]", "get a new connection")
"""Words of the errors of a store that was not reached."""


def _reason(error: Exception) -> str:
    """The error of a store in one line; what may be wrong where it was not reached, or refuses the caller."""
    said = " ".join(str(error).split()).partition(" error_info={")[0].removesuffix(".")
    if any(word in said for word in _UNREACHED):
        return f"{said}; check the network, its proxy (HTTPS_PROXY) and the name of the server"
    refused = any(word in said for word in _REFUSED)
    return f"{said}; check the credentials in the environment, and what they may do there" if refused else said
