"""Inference: pools, requests and the engine that serves them."""
