"""Sweeps: thousands of plans by values of their fields, run in batches, one dataset of results."""
