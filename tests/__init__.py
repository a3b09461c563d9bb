"""The tests, and the real parts they run against: a JupyterLab, a Chromium, a simulated account."""
