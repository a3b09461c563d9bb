"""The queries of the history."""
