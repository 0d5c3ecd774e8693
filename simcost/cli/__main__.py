"""`python -m simcost.cli`."""

import sys

from simcost.cli.main import main

sys.exit(main())
