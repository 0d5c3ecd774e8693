"""Memory that a machine or a container has left for workers."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

SHARE = 0.8
"""Of the memory that is left; the rest is for what was not measured."""
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Memory that new processes may take without swapping; None where the system does not say."""
    found = [one for one in (_of_machine(), _of_container()) if one is not None]
    return min(found, default=None)


def fitting(peak_bytes: int) -> int | None:
    """Number of further processes with such a peak that fit; None where nothing is known."""
    left = available_bytes()
    return None if left is None or peak_bytes <= 0 else int(SHARE * left / peak_bytes)


def _of_machine() -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    return None


def _of_container() -> int | None:
    """Memory that a control group of version 2 leaves; pages of files that can be dropped count as free."""
    with suppress(OSError, ValueError):
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
        pages = dict(line.split() for line in lines)
        return max(limit - used + int(pages.get("inactive_file", 0)), 0)
    return None
