"""Checks of a scenario that need more than its schema: all faults before a run, each with its place."""
