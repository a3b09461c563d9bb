"""The documentation: its pages, and what builds them into `build/docs/site`."""
