"""The balance as people see it: static or live."""
