"""What a kernel keeps in the history, and what it shows of it."""
