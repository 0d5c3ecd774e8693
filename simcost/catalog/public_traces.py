"""Public traces: where each can be downloaded, how it is checked, and how it is read."""

from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge

from simcost.catalog.cell_types import Matching
from simcost.catalog.facts import Provenance
from simcost.record import record
from simcost.units import Count

Digest = Annotated[str, Matching(r"[0-9a-f]{64}", "the SHA-256, 64 hex digits")]
GitDigest = Annotated[str, Matching(r"[0-9a-f]{40}", "the SHA-1 of the Git blob, 40 hex digits")]
FileBytes = Annotated[int, Ge(1)]
TraceName = Annotated[str, Matching(r"[a-z0-9][a-z0-9.-]*", "a name of a-z, 0-9, '.' and '-'")]
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@record
class PublicTrace(Provenance):
    """A file that others publish, and what simcost makes of it."""

    name: TraceName
    what: str
    holds: Literal["requests", "jobs", "nodes"]
    """Requests and jobs are imported into a stored trace; lists of nodes are read as they are."""
    format: str
    """As `simcost trace import --format` takes it; of nodes `nodes`."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Of numeric arrivals, where it is not that of the format."""
    block_tokens: Count = 0
    """Tokens per prefix block, where they are not those of the format; 0 = as the format has it."""
    mapping: str = ""
    """NAME=COLUMN, with spaces between, where columns have other names."""
    urls: str
    """Addresses of the same file, with spaces between, in the order in which they are tried."""
    bytes: FileBytes | None = None
    sha256: Digest | None = None
    git_blob_sha1: GitDigest | None = None
    licence: str
    citation: str

    def __post_init__(self) -> None:
        for url in self.urls.split():
            if not is_allowed(url):
                raise ValueError(f"urls: {url!r} is not an https address; write https://host/path/file")
        if not self.file or self.file.startswith("."):
            raise ValueError(f"urls: {self.urls!r} does not end with the name of a file")

    @property
    def file(self) -> str:
        """The name of the file, that of its first address."""
        return PurePosixPath(urlsplit(self.urls.split()[0]).path).name

    @property
    def stored(self) -> str | None:
        """The name of the stored trace that it is imported into; None = it is read as it is."""
        return None if self.holds == "nodes" else f"{self.name}.parquet"

    @property
    def columns(self) -> dict[str, str]:
        """Our column -> that of the file."""
        pairs = (pair.partition("=") for pair in self.mapping.split())
        return {ours: theirs for ours, _, theirs in pairs}


def is_allowed(url: str) -> bool:
    """True if a file may be downloaded from there: by https, or by http from this machine.

    >>> [is_allowed(url) for url in ("https://a.org/b.csv", "http://a.org/b.csv", "http://127.0.0.1:80/b", "file:///b")]
    [True, False, True, False]
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))


def is_loopback(url: str) -> bool:
    """True if the address is of this machine."""
    return urlsplit(url).hostname in _LOOPBACK
