"""`python -m simcost`."""

import sys

from simcost.cli.main import main

if __name__ == "__main__":  # workers of a cluster import it
    sys.exit(main())
