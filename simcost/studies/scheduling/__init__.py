"""Job schedulers, cluster sizes, packing, shared fleets."""
