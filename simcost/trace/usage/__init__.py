"""Usage files: metered usage, as providers and clusters export it."""
