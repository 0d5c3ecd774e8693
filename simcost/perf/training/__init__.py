"""Training runs: memory, FLOPs, utilisation and time. No money."""
