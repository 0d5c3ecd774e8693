"""Scenarios run: plans and seeds in parallel, bills, provenance."""
