"""The demo as a site that needs no server: JupyterLite, with Python in the browser. `make lite` builds it."""
