"""Plans compared: the run of a scenario."""
