"""Where the history is kept, and how it is written and read."""
