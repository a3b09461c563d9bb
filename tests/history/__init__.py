"""Tests of the history, over real files and a real PostgreSQL."""
