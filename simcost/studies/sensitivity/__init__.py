"""Sensitivity of a decision to its assumptions (`simcost sensitivity`)."""
