"""Runs of a scenario: plans and seeds in parallel, bills, tables, provenance."""
