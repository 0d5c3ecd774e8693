"""Forecasts: from a history of demand to a distribution of futures.

Members are fitted to a cleaned history, combined, backtested, and drawn as sample paths over the whole
horizon; user events are applied to them. Nothing here opens a file.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """This package, which is also the function `simcost.forecast` of the Python API: a package and a function of one
    name share their place in `simcost`.
    """

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """`simcost.api.forecast`."""
        return import_module("simcost.api").forecast(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
