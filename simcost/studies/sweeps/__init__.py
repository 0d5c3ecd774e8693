"""Sweeps: plans by values of their fields, simulated and ranked."""
