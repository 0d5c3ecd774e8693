"""What a training run costs end to end, and what each way to train would cost, with what it saves in serving."""

from simcost.billing.owned import Owned
from simcost.compare.training.choice import training_method
from simcost.compare.training.counts import Target, choose_count
from simcost.compare.training.estimate import estimate
from simcost.compare.training.levers import Levers, compare_methods
from simcost.compare.training.run import Run
from simcost.compare.training.terms import Energy, Losses, Prices, Spot

__all__ = ["Energy", "Levers", "Losses", "Owned", "Prices", "Run", "Spot", "Target", "choose_count", "compare_methods",
           "estimate", "training_method"]  # fmt: skip
