"""The one hand-over from simulation to bills and service levels: usage, outcomes, percentiles."""
