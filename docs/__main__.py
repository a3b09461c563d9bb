"""`python -m docs`: build the documentation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import build


def main() -> int:
    """Build the site; the exit code is Sphinx's."""
    parser = argparse.ArgumentParser(prog="make docs", description=__doc__)
    parser.add_argument("--lite", type=Path, metavar="SITE", help="put the site of `make lite` below it")
    options = parser.parse_args()
    if options.lite and not options.lite.is_dir():
        parser.error(f"there is no {options.lite}: `make lite` builds it")
    code = build.build_site(build.SITE, lite=options.lite)
    if code == 0:
        sys.stdout.write(f"{(build.SITE / 'index.html').relative_to(build.ROOT)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
