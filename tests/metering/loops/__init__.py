"""Tests of `evolink_nb.metering.loops`."""
