"""What a training run costs end to end, and what each way to train would cost, with what it saves in serving."""

from simcost.compare.training.choice import training_method
from simcost.compare.training.estimate import estimate
from simcost.compare.training.levers import compare_methods
from simcost.compare.training.run import Run
from simcost.compare.training.terms import Energy, Owned, Prices, Spot

__all__ = ["Energy", "Owned", "Prices", "Run", "Spot", "compare_methods", "estimate", "training_method"]
