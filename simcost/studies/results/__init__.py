"""Results of sweeps and runs: filtered, ranked, exported."""
