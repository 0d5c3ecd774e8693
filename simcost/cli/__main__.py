"""`python -m simcost.cli.main`."""

import sys

from simcost.cli.main import main

sys.exit(main())
