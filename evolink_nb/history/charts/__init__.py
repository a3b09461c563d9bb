"""The history's chart."""
