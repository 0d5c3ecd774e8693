"""Results folders checked again: seals, and the laws that every run keeps (`simcost verify`)."""
