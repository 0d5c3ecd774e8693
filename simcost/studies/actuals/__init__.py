"""Actual costs: a provider's cost file in sums, and compared with a simulation (`simcost focus`)."""
