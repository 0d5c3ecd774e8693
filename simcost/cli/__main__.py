"""`python -m simcost.cli`."""

import sys

from simcost.cli import main

sys.exit(main())
