"""Traces of the past: requests, jobs, demand series, utilization, usage and cost files; readers, stores, synthesis."""
