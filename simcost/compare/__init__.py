"""Many results -> evidence: paired intervals, the verdict, what drives a difference."""
