"""Tests of `evolink_nb.demo`."""
