"""`python -m lite`: build the site; with ``--serve``, serve it too."""

from __future__ import annotations

import argparse
import sys

from . import build, serving


def main() -> int:
    """Build the site, and serve it if the command line says so."""
    parser = argparse.ArgumentParser(prog="make lite", description=__doc__)
    parser.add_argument(
        "--serve", action="store_true", help="serve the site on this machine until interrupted"
    )
    parser.add_argument("--port", type=int, default=8000, help="the port to serve it on (8000; 0 for any)")
    options = parser.parse_args()
    size = build.build_site(build.SITE)
    sys.stdout.write(f"{build.SITE.relative_to(build.ROOT)}: {size / 1e6:.1f} MB\n")
    if options.serve:
        with serving.serve(build.SITE, options.port) as address:
            sys.stdout.write(f"{address}/{build.FIRST_PAGE}\nCtrl+C ends it.\n")
            sys.stdout.flush()
            serving.wait_for_interrupt()
    return 0


if __name__ == "__main__":
    sys.exit(main())
