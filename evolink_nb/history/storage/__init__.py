"""Where the history is kept, and how it gets there."""
