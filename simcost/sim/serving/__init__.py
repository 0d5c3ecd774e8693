"""Serving: a pool of replicas, its clients, and the drivers of the compiled engine."""
