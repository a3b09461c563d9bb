"""Delivers a stop to the work, wherever that runs."""
