"""Is spot worth the restarts? Policies side by side, from many starts along recorded availability."""
