"""``python -m evolink_nb``: the same as ``evolink-nb``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
