"""What to commit to: the mix of commitments that costs least over the demand that may come, and its risk."""
