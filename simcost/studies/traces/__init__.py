"""Traces: import, describe, synthesize, compare."""
