"""YAML with positions, located faults, JSON Schema and the reference page of the scenario file."""
