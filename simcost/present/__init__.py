"""Results -> things to look at. Nothing here computes a number."""
