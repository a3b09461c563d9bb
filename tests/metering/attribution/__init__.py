"""Tests of `evolink_nb.metering.attribution`."""
