"""Many results -> evidence: paired intervals, the verdict, what drives a difference."""

from simcost.compare.comparison import Comparison, compare
from simcost.compare.document import document
from simcost.compare.gate import broken_gates, parse_gate
from simcost.compare.results import RunResult

__all__ = ["Comparison", "RunResult", "broken_gates", "compare", "document", "parse_gate"]
