"""Which work a change of the counters belongs to, and what its cost is then. Pure."""
