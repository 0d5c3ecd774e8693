"""Execution of simulations: on processes of this machine, on a Dask cluster or on a Ray cluster, by one code path."""
