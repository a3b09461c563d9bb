"""Tests of `evolink_nb.card`."""
