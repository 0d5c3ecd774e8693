"""One file over HTTP: bounded, resumed where it was cut off, and there under its name only when it is whole."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from simcost.catalog.public_traces import is_allowed, is_loopback

TIMEOUT_S = 30.0
ATTEMPTS = 4
PAUSE_S = 1.0
"""Before the second attempt; doubled for each further one."""
MOST_BYTES = 16 * 2**30
"""Of a file whose size is not published."""
_CHUNK = 1 << 18
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_UNSATISFIABLE, _PARTIAL = 416, 206

Report = Callable[[int, int | None], None]
"""Called with the bytes that are there, and their sum where it is known."""


class UnavailableError(Exception):
    """An address that does not give the file; the message says why."""


class _PassingError(Exception):
    """A failure after which another attempt may succeed."""


class _Redirects(HTTPRedirectHandler):
    """Redirects to https only, or from this machine to itself."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The request that follows. Raises UnavailableError for another scheme."""
        downgraded = newurl.startswith("http:") and not is_loopback(req.full_url)
        if downgraded or not is_allowed(newurl):
            raise UnavailableError(f"redirects to {newurl!r}, which is not an https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """Downloaded part of a file, with the version of the file that it is a part of."""

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def bytes(self) -> int:
        """Number of bytes."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, url: str) -> str:
        """The validator under which the server sent what is there; empty = start again."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["version"]) if note["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, url: str, version: str) -> None:
        """Discard the partial file, and note the version of the next."""
        self.discard()
        if version:
            self._note.write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")

    def discard(self) -> None:
        """Remove the part and its note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def complete(self, target: Path) -> None:
        """Give the file its name."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)


def download(url: str, partial: Partial, size: int | None, report: Report) -> None:
    """Fill the partial file from an address; bytes of the same version are not sent again.

    Args:
        url: an address that `is_allowed`.
        partial: where the bytes go.
        size: bytes of the whole file; None = not known.
        report: progress.

    Raises:
        UnavailableError: the address does not give the file, after several attempts where that may help.
        OSError: the file cannot be written.
    """
    if not is_allowed(url):
        raise UnavailableError("is not an https address")
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            _attempt(url, partial, size, report)
        except _PassingError as error:
            reason = str(error)
        else:
            return
    raise UnavailableError(f"{reason}, {ATTEMPTS} times")


def _attempt(url: str, partial: Partial, size: int | None, report: Report) -> None:
    """One request. Raises _PassingError or UnavailableError."""
    version = partial.version(url)
    have = partial.bytes if version else 0
    headers = {"User-Agent": "simcost", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    with _opened(url, headers, partial) as answer:
        if answer.status != _PARTIAL:
            have = 0
            partial.begin(url, _validator(answer.headers))
        elif _range_start(answer.headers) != have:
            partial.discard()
            raise _PassingError("sends another part than was asked for")
        _receive(answer, partial, have, size, report)


def _opened(url: str, headers: dict[str, str], partial: Partial) -> Any:
    """The answer of the server. Raises as `_attempt`."""
    try:
        return _opener(url).open(Request(url, headers=headers), timeout=TIMEOUT_S)  # noqa: S310  # is_allowed(url)
    except HTTPError as error:
        error.close()
        if error.code == _UNSATISFIABLE:
            partial.discard()
            raise _PassingError("has less of the file than is here") from error
        kind = _PassingError if error.code in _PASSING else UnavailableError
        raise kind(f"answers {error.code} {error.reason}") from error
    except URLError as error:
        if isinstance(error.reason, TimeoutError | ConnectionResetError):
            raise _PassingError(f"does not answer ({error.reason})") from error
        raise UnavailableError(f"no connection ({getattr(error.reason, 'strerror', None) or error.reason})") from error
    except (HTTPException, OSError) as error:
        raise _PassingError(f"breaks off ({error or type(error).__name__})") from error


def _opener(url: str) -> OpenerDirector:
    """Proxies are those of the environment, except for this machine."""
    return build_opener(_Redirects, *([ProxyHandler({})] if is_loopback(url) else []))


def _receive(answer: Any, partial: Partial, have: int, size: int | None, report: Report) -> None:
    """Append what the server sends. Raises as `_attempt`."""
    coming = _length(answer.headers)
    whole = size if size is not None else None if coming is None else have + coming
    if size is not None and coming is not None and have + coming != size:
        partial.discard()
        raise UnavailableError(f"has {have + coming:,} bytes, not the {size:,} published")
    limit = whole if whole is not None and whole <= MOST_BYTES else MOST_BYTES
    with partial.path.open("ab") as file:
        while chunk := _chunk(answer):
            have += len(chunk)
            if have > limit:
                break
            file.write(chunk)
            report(have, whole)
    if have > limit:
        partial.discard()
        raise UnavailableError(f"sends more than {limit:,} bytes")
    if whole is not None and have < whole:
        raise _PassingError(f"breaks off after {have:,} of {whole:,} bytes")


def _chunk(answer: Any) -> bytes:
    try:
        return bytes(answer.read(_CHUNK))
    except (HTTPException, OSError) as error:
        raise _PassingError(f"breaks off ({error or type(error).__name__})") from error


def _length(headers: Message) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _range_start(headers: Message) -> int:
    """The first byte of `Content-Range: bytes 100-199/200`; -1 where it is not readable."""
    with suppress(ValueError):
        return int(headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0])
    return -1


def _validator(headers: Message) -> str:
    """Validator for `If-Range`: a strong ETag, else the date of the last change; empty where there is neither."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")
