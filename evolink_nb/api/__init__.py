"""EvoLink's HTTP API: one request in, one reading or one error out."""
