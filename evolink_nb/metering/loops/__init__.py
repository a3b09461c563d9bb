"""What `track` shows of a loop, and when it ends it."""
