"""The command `simcost`, which is `python -m simcost` too."""

import gc
import sys


def main() -> int:
    """Run one verb; returns the exit code, also where an interrupt comes while the modules are loaded."""
    try:
        from simcost.cli.main import main as run_verb

        return run_verb()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept\n")
        return 130
    finally:
        gc.freeze()  # all memory goes back at once: Python needs no look for cycles in it


if __name__ == "__main__":  # workers of a cluster import it
    sys.exit(main())
