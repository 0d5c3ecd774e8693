"""A first scenario file, from a few answers (`simcost init`)."""
