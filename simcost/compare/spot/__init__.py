"""Is spot worth the restarts? Policies side by side, from many starts along recorded availability."""

from simcost.compare.spot.study import spot_study

__all__ = ["spot_study"]
