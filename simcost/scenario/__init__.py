"""Edge of the house: YAML to domain objects, runs in parallel, results folders. No other room knows YAML."""
