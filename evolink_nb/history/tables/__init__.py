"""The tables, and how values go in and out of them."""
