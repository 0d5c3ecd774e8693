"""Job schedulers, cluster sizes, packing, shared fleets (`simcost train replay`, `size`, `pack`, `share`)."""
