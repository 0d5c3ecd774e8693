"""Comparing a file with the size and checksum that are published for it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from simcost.catalog.public_traces import PublicTrace

_CHUNK = 1 << 20
_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """Size and hashes of a file."""

    bytes: int
    sha256: str
    git_blob_sha1: str
    is_pointer: bool
    """True for the pointer that Git LFS keeps in place of a large file."""


def digests_of(path: Path) -> Digests:
    """Size, SHA-256 and the SHA-1 that Git gives a file; it is read once."""
    size = path.stat().st_size
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    first = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            first = first or chunk[: len(_POINTER)]
            sha256.update(chunk)
            blob.update(chunk)
    return Digests(bytes=size, sha256=sha256.hexdigest(), git_blob_sha1=blob.hexdigest(), is_pointer=first == _POINTER)


def difference(trace: PublicTrace, found: Digests) -> str:
    """The first difference between a file and what is published of it; empty where there is none."""
    if found.is_pointer:
        return "is a pointer of Git LFS, not the file itself"
    if trace.bytes is not None and trace.bytes != found.bytes:
        return f"has {found.bytes:,} bytes, not the {trace.bytes:,} published"
    if trace.sha256 is not None and trace.sha256 != found.sha256:
        return f"has the SHA-256 {found.sha256}, not the published {trace.sha256}"
    if trace.git_blob_sha1 is not None and trace.git_blob_sha1 != found.git_blob_sha1:
        return f"has the Git blob SHA-1 {found.git_blob_sha1}, not the published {trace.git_blob_sha1}"
    return ""


def checked_by(trace: PublicTrace) -> str | None:
    """The key of the checksum that is published; None = there is none."""
    return "sha256" if trace.sha256 else "git_blob_sha1" if trace.git_blob_sha1 else None


def published(trace: PublicTrace) -> str:
    """Size and checksum for a message: `719,188 bytes, SHA-256 2f1e...`."""
    size = f"{trace.bytes:,} bytes" if trace.bytes else "size not published"
    if trace.sha256:
        return f"{size}, SHA-256 {trace.sha256}"
    return f"{size}, Git blob SHA-1 {trace.git_blob_sha1}" if trace.git_blob_sha1 else size
