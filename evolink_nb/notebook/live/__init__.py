"""The live cards of a kernel, one each place."""
