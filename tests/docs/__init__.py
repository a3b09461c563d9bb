"""The documentation: what is in it is there, what it shows is so, and it builds.

`python -m tests.docs` runs every code block, and writes what each printed below it.
"""
