"""Blocks of random cases by which a compiled engine is held against a plain one."""

from hypothesis import settings

_SEARCH = 1000
"""Examples of the profile `search`."""


def blocks(usual: int) -> range:
    """Numbers of the blocks; with `--hypothesis-profile=search` ten times as many."""
    return range(10 * usual if settings().max_examples >= _SEARCH else usual)
