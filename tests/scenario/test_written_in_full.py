"""A scenario in full has the same bytes whichever library writes it."""

from pathlib import Path
from random import Random
from string import printable
from typing import Any

from simcost.scenario.runs.provenance import as_it_was_run, dump

LETTERS = [letter for letter in printable if letter.isprintable()] + 10 * [" "]
OTHERS = "é漢\U0001f600\n\t\x85\ufeff"


def some(random: Random, letters: list[str], depth: int = 0) -> Any:
    """Plain data such as scenarios have, and such as they have not."""
    kind = random.randrange(4 if depth < 4 else 2)
    if kind == 0:
        return random.choice([None, True, 0, -7, 10**18, 1e-9, 2.5, 1e300, float("inf"), (), [], {}])
    if kind == 1:
        return "".join(random.choices(letters, k=random.choice((0, 3, 20, 150, 300))))
    if kind == 2:
        return [some(random, letters, depth + 1) for _ in range(random.randrange(4))]
    lengths = [random.choice((0, 5, 60, random.randrange(100, 130))) for _ in range(random.randrange(5))]
    return {"".join(random.choices(letters, k=length)): some(random, letters, depth + 1) for length in lengths}


def test_all_that_is_written_is_as_pyyaml_writes_it() -> None:
    random = Random(1)
    for number in range(400):
        said = {"a": some(random, [*LETTERS, *OTHERS] if number % 4 == 0 else LETTERS)}
        assert as_it_was_run(said, Path("a.yaml"), "").partition("\n")[2] == dump(said), said
