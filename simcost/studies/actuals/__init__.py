"""What was paid, as a provider's export says: in sums, and held against what was simulated."""
