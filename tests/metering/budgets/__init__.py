"""Tests of `evolink_nb.metering.budgets`."""
