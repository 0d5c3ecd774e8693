"""Workloads of a scenario: recorded, synthetic, mixed."""
