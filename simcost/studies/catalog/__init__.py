"""Facts and price lists: list, show, import, compare (`simcost catalog`, `prices`, `perf`)."""
