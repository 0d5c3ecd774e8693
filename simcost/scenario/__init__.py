"""The edge: YAML to domain objects, runs in parallel, results folders. The only place that knows YAML."""
