"""Cost of a training run end to end, and of other methods to train (`simcost train estimate`)."""
