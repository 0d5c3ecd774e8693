"""Job traces: Slurm, Kubernetes and public logs."""
