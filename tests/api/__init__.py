"""Tests of `evolink_nb.api`."""
