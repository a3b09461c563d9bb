"""The balance as a card, static or live."""
