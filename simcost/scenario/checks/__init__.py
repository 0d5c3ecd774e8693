"""Faults of a scenario that need more than its schema, all found before a run."""
