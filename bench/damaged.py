"""Damaged files of every kind that simcost reads: each must be refused in words, or read whole.

    python bench/damaged.py [--count 20000] [--seed N] [--kind NAME] [--replay I] [--json]

Prints how many inputs were read, refused, ended in a traceback, lost rows in silence, or printed what is not JSON,
with the first of each such case; exit code 1 if there was one. What is done to the files is in tests/support/damage.py.
With `--replay I`, input I of that seed (and --kind) alone; its file stays in the folder for temporary files.
"""

import argparse
import sys
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory, gettempdir

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import measure
from support import damage


def main() -> int:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="inputs in all (default 20,000)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="default: another each time")
    parser.add_argument("--kind", help="only kinds whose name holds this")
    parser.add_argument("--replay", type=int, metavar="I", help="only input I of the seed and kinds; its file is kept")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr, flush=True)
    found: Counter[str] = Counter()
    cases: list[str] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            damage.prepare(folder)
        kinds = [kind for kind in damage.kinds().values() if not options.kind or options.kind in kind.name]
        if not kinds:
            parser.error(f"no kind's name holds {options.kind!r}; there are {', '.join(damage.kinds())}")
        for i in range(options.count) if options.replay is None else [options.replay]:
            kind = kinds[i % len(kinds)]
            random = Random(f"{options.seed}/{i}")  # no secret
            data = damage.damaged(kind, random)
            outcome = damage.outcome(kind, data, folder)
            if options.replay is not None:
                kept = Path(gettempdir()) / f"damaged-{options.seed}-{i}.{kind.suffix}"
                kept.write_bytes(data)
                print(f"{kept}: simcost {' '.join(kind.words)}", file=sys.stderr)
            found[outcome.word] += 1
            if outcome.word not in ("read", "refused"):
                cases.append(f"{i} {kind.name}: {outcome.word}: {outcome.detail[:300]}")
                print(cases[-1], file=sys.stderr, flush=True)
    counts = {"inputs": found.total(), "kinds": len(kinds), **found}
    measure.show({"name": "damaged", "seed": options.seed, **counts, "cases": cases[:20]}, options)
    return 1 if cases else 0


if __name__ == "__main__":
    sys.exit(main())
