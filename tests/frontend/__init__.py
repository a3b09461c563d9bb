"""Type checks of the JavaScript: `python -m tests.frontend`, part of `make lint`."""
