"""The balance as users see it: static or live."""
