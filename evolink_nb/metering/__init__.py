"""Measures what work costs, and stops it before it exceeds its limit."""
