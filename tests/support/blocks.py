"""Blocks of random cases by which a compiled engine is held against a plain one."""

import pytest
from hypothesis import settings

_SEARCH = 1000
"""Examples of the profile `search`."""


def blocks(usual: int, fast: int | None = None) -> list[object]:
    """Numbers of the blocks, those after the first `fast` marked as slow; with `--hypothesis-profile=search` ten times
    as many.
    """
    count = 10 * usual if settings().max_examples >= _SEARCH else usual
    first = count if fast is None else fast
    return [*range(first), *(pytest.param(block, marks=pytest.mark.slow) for block in range(first, count))]
