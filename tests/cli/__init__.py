"""Tests of `evolink_nb.cli`."""
