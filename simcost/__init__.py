"""simcost: what an AI workload would cost, and the latency its users would see, on hardware you have not bought yet.

`import simcost as sc` offers `import_log`, `new_scenario`, `load`, `run`, `sweep`, `optimize`, `advise`, `sensitivity`,
`forecast`, `bill`, `calibrate`, `read`, `results`, `diff` and any `command` (simcost/api), and the errors that they
raise (simcost/errors.py); they load when they are first used, and `__init__.pyi` tells type checkers what they are.
"""

from importlib import import_module

__version__ = "0.2.0"
_ERRORS = (
    "CatalogError",
    "DoesNotFitError",
    "FaultsError",
    "GateError",
    "InputError",
    "RunError",
    "SimcostError",
    "TraceError",
)
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


def __getattr__(name: str) -> object:
    """The names of the Python API, on first use."""
    if name == "forecast":  # the package, which is called as the function of the API
        return import_module("simcost.forecast")
    if name in __all__:
        return getattr(import_module("simcost.api"), name)
    if name in _ERRORS:
        return getattr(import_module("simcost.errors"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Names that completion in a notebook offers."""
    return sorted([*__all__, *_ERRORS, "__version__"])
