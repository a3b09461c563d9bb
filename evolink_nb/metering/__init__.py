"""Measures what work costs, and stops it before it costs more than it may."""
