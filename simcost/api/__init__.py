"""Python API: what `import simcost as sc` offers.

A scenario comes from a file, a mapping or YAML text (`load`); it is run, optimized and varied; each answer is a
document as `--json` prints it, with its tables and charts. Nothing is printed, and progress is told only to who asks.
"""

from simcost.api.answers import Answer
from simcost.api.commands import command, diff
from simcost.api.logs import import_log, new_scenario
from simcost.api.results import Result, read
from simcost.api.scenarios import CheckedScenario
from simcost.api.sources import advise, load, optimize, run, sensitivity, sweep
from simcost.api.studies import bill, calibrate, forecast, results

__all__ = [
    "Answer",
    "CheckedScenario",
    "Result",
    "advise",
    "bill",
    "calibrate",
    "command",
    "diff",
    "forecast",
    "import_log",
    "load",
    "new_scenario",
    "optimize",
    "read",
    "results",
    "run",
    "sensitivity",
    "sweep",
]
