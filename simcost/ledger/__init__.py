"""Ledger: usage, outcomes and percentiles, the one hand-over from simulation to bills and service levels."""
