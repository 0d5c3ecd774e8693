"""Evidence from many results: paired intervals, the verdict, drivers of a difference."""

from simcost.compare.comparison import Comparison, compare
from simcost.compare.document import document
from simcost.compare.results import RunResult

__all__ = ["Comparison", "RunResult", "compare", "document"]
