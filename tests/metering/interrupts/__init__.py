"""Tests of `evolink_nb.metering.interrupts`."""
