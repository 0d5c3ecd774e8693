"""Usage files: what was used, as providers and clusters export it."""
