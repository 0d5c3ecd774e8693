"""Schema classes of the scenario file."""
