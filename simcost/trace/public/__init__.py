"""Public traces: downloaded by name, checked, and imported into stored traces."""
