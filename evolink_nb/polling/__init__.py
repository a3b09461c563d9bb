"""One reading, kept fresh for every subscriber."""
