"""Names by which bills, FOCUS files and tables tell commitments apart."""

from collections.abc import Sequence
from itertools import count


def distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered where several are the same.

    >>> distinct(["p5", "base", "p5"])
    ['p5 1', 'base', 'p5 2']
    >>> distinct(["p5", "p5 1", "p5"])
    ['p5 2', 'p5 1', 'p5 3']
    """
    alone = {name for name in names if names.count(name) == 1}
    result: list[str] = []
    for name in names:
        numbers = (f"{name} {number}" for number in count(1))
        result.append(name if name in alone else next(one for one in numbers if one not in {*alone, *result}))
    return result
