"""The live cards of a kernel, one for each place."""
