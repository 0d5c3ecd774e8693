"""Files that a scenario names, read into demand, capacity and control."""
