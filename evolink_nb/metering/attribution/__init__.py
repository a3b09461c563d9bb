"""Decides which work each change of the counters belongs to, and what that work costs. Pure."""
