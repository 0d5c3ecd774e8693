"""`simcost api`: fleets of a scenario, re-sized at several demands, against per-token APIs."""
