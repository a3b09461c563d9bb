"""How kernels share one reading of a key."""
