"""Keeps a kernel's readings and costs in the history, and shows what the history has."""
