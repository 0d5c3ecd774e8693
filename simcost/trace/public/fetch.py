"""`simcost trace fetch`: a public trace by name, checked and imported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcost.catalog.public_traces import PublicTrace
from simcost.errors import InputError, TraceError
from simcost.outputs import new_folders, remove_empty
from simcost.trace.jobs.reader import import_jobs
from simcost.trace.jobs.store import is_jobs, open_jobs
from simcost.trace.public.checksum import Digests, checked_by, difference, digests_of, published
from simcost.trace.public.download import Partial, Report, UnavailableError, download
from simcost.trace.requests.readers import Notation, import_trace
from simcost.trace.requests.store import open_trace

Rows = Callable[[int], None]


def fetch_trace(trace: PublicTrace, folder: Path, *, report: Report, rows: Rows) -> dict[str, Any]:
    """Download a public trace unless it is there, check it, and import it where it is of requests or jobs.

    Args:
        trace: what to fetch.
        folder: where the file and the stored trace go; made where it is missing.
        report: progress of the download.
        rows: progress of the import.

    Returns:
        The document of `trace fetch`: name, file, bytes, sha256, checked_by, downloaded, licence, citation, source,
        trace (path of the stored trace or None), imported (the document of `trace import`, or None), findings.

    Raises:
        InputError: no address gives the file, or other files have its names.
        TraceError: the file cannot be imported.
    """
    target = folder / trace.file
    source, found = trace.urls.split()[0], _existing(trace, target)
    downloaded = found is None
    if found is None:
        source, found = _downloaded(trace, target, report)
    stored = folder / trace.stored if trace.stored else None
    imported = _imported(trace, target, stored, rows) if stored else None
    return {
        "name": trace.name,
        "file": str(target),
        "bytes": found.bytes,
        "sha256": found.sha256,
        "checked_by": checked_by(trace),
        "downloaded": downloaded,
        "licence": trace.licence,
        "citation": trace.citation,
        "source": source,
        "trace": str(stored) if stored else None,
        "imported": imported,
        "findings": _findings(trace, found),
    }


def _findings(trace: PublicTrace, found: Digests) -> list[dict[str, Any]]:
    """A file that could not be checked is reported as such."""
    if checked_by(trace):
        return []
    message = (
        f"no checksum of this file is published, so it was not checked; its SHA-256 is {found.sha256}: "
        "compare it with that of others who use the trace"
    )
    return [{"kind": "not_checked", "count": 1, "message": message}]


def _existing(trace: PublicTrace, target: Path) -> Digests | None:
    """The file that is there; None where there is none. Raises InputError for another file."""
    if not target.exists() and not target.is_symlink():
        return None
    if not target.is_file():
        raise InputError(f"{target}: is not a regular file; choose another folder with -o")
    digests = digests_of(target)
    if wrong := difference(trace, digests):
        raise InputError(
            f"{target}: {wrong}: it is not the file of {trace.name}, or a damaged one; "
            "move it away, or choose another folder with -o"
        )
    return digests


def _downloaded(trace: PublicTrace, target: Path, report: Report) -> tuple[str, Digests]:
    """The file from the first address that gives it. Raises InputError where none does."""
    partial = Partial(path=target.with_name(f".{target.name}.part"))
    reasons, new = [], new_folders(target.parent)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in trace.urls.split():
            try:
                download(url, partial, trace.bytes, report)
            except UnavailableError as error:
                reasons.append(f"{url} {error}")
                continue
            found = digests_of(partial.path)
            if wrong := difference(trace, found):
                partial.discard()
                reasons.append(f"{url} {wrong}")
                continue
            partial.complete(target)
            return url, found
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}; choose another folder") from error
    finally:
        remove_empty(new)
    raise InputError(
        f"{trace.name}: not downloaded: {'; '.join(reasons)}. Without network: download it elsewhere, put it at "
        f"{target} ({published(trace)}) and run the command again, which checks and imports it"
    )


def _imported(trace: PublicTrace, log: Path, stored: Path, rows: Rows) -> dict[str, Any] | None:
    """Result of the import; None where the stored trace of this log is there. Raises InputError, TraceError."""
    if stored.exists() or stored.is_symlink():
        if _source(stored) == log.name:
            return None
        raise InputError(
            f"{stored}: is not the stored trace of {log.name}; move it away, or choose another folder with -o"
        )
    if trace.holds == "jobs":
        return import_jobs(log, trace.format, stored, mapping=trace.columns)
    return import_trace(
        log,
        trace.format,  # type: ignore[arg-type]  # a test knows that all are formats
        stored,
        mapping=trace.columns,
        notation=Notation(time_unit=trace.time_unit),
        block_tokens=trace.block_tokens or None,
        progress=rows,
    )


def _source(stored: Path) -> str | None:
    """The name of the log that a trace was imported from; None where it is not a stored trace."""
    try:
        return open_jobs(stored).source if is_jobs(stored) else open_trace(stored).source
    except TraceError:
        return None
