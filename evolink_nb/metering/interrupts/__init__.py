"""How a stop gets to the work, wherever that is."""
