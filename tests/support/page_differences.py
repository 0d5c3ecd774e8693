"""Differences between a page and what its commands print now."""

import re
from collections.abc import Iterator
from math import isclose

NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def _words(line: str) -> str:
    """A line without its numbers, and without what their width decides."""
    return re.sub(r"[ -]+", " ", NUMBER.sub("#", line)).strip()


def _numbers(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(line)]


def differences(page: str, rerun: str) -> Iterator[str]:
    """Lines that say something else; numbers may differ by 2 %, since processors round differently."""
    old, new = page.splitlines(), rerun.splitlines()
    if len(old) != len(new):
        yield f"{len(old)} lines, now {len(new)}"
    for line, now in zip(old, new, strict=False):
        near = all(map(lambda a, b: isclose(a, b, rel_tol=0.02, abs_tol=0.1), _numbers(line), _numbers(now)))
        if _words(line) != _words(now) or not near:
            yield f"- {line}\n+ {now}"
