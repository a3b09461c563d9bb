"""Tests of `evolink_nb.notebook`, in a shell of the test's own process."""
