"""What work costs, and how it is stopped before it costs more than it may."""
