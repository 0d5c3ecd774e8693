"""Log of runs: each message once, whichever process has it."""

from __future__ import annotations

from logging import getLogger
from threading import Lock

_LOGGED = set[str]()
_LOCK = Lock()


def log_once(name: str, level: int, message: str) -> None:
    """Log a message with the logger of a name, unless this process has logged it before."""
    with _LOCK:
        known = message in _LOGGED
        _LOGGED.add(message)
    if not known:
        getLogger(name).log(level, "%s", message)
