"""Tests of `evolink_nb.polling`."""
