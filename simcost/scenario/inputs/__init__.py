"""Files that a scenario names, read into demand, capacity, purchases and control."""
