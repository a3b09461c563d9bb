"""``python -m tests.support.peak_memory N``: read N times, and print each outcome and the peak of memory.

With ``--requests``, requests itself asks, as a user would.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from importlib.metadata import version
from pathlib import Path

import requests

from evolink_nb import EvoLinkClient, EvoLinkError
from evolink_nb.api.client import Timing

STATUS = Path("/proc/self/status")


def peak() -> int:
    """Return the most memory that this process has had at once, in bytes."""
    if STATUS.exists():
        # What `resource` says may be the peak of the process that started this one.
        [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
        return int(kilobytes) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Print the versions, and a line for each read."""
    print(json.dumps({name: version(name) for name in ("requests", "urllib3")}))
    with EvoLinkClient(timeout=60, timing=Timing(retry_delays=())) as client:
        for _ in range(int(sys.argv[1])):
            try:
                if "--requests" in sys.argv:
                    outcome = str(len(requests.get(client.base_url, auth=client.auth, timeout=60).content))
                else:
                    outcome = str(client.get_credits().spendable)
            except EvoLinkError as error:
                outcome = str(error).splitlines()[0]
            print(json.dumps({"outcome": outcome, "peak": peak()}))


if __name__ == "__main__":
    main()
