"""A simulated EvoLink account and its API on loopback, to try everything with no key and no network.

    with DemoServer() as server:
        client = EvoLinkClient(server.key, base_url=server.url)

Its calls reserve credits and settle a little later, like real ones, and faults can be switched on. Every
response has the header `DEMO_HEADER`, so clients can mark simulated data as such.
"""

from __future__ import annotations

from .account import OTHER_KEY, OWN_KEY, SEED, Account
from .api import DEMO_KEY_PREFIX
from .faults import Fault
from .in_process import process_api
from .messages import DEMO_HEADER
from .server import DemoServer, running, stop_running

__all__ = [
    "DEMO_HEADER",
    "DEMO_KEY_PREFIX",
    "OTHER_KEY",
    "OWN_KEY",
    "SEED",
    "Account",
    "DemoServer",
    "Fault",
    "process_api",
    "running",
    "stop_running",
]
