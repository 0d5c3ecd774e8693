"""Bills of metered usage under purchasing plans (`simcost bill`)."""
