"""The parts of a budget: what it watches, decides and reports."""
