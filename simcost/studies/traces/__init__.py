"""Traces: import, describe, synthesize, compare, fetch (`simcost trace`)."""
