"""Which operation answers which path and method, and for whom."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from . import api, control
from .answers import Answer, RefusedError, error_answer
from .call import Call
from .faults import CREDITS_PATH

if TYPE_CHECKING:
    from .server import DemoServer

logger = logging.getLogger(__name__)

Operation = Callable[[Call], Answer]

UNKNOWN_PATH = "unknown"
"""Stands for every path that is not a route."""

ROUTES: Mapping[str, Mapping[str, Operation]] = {
    CREDITS_PATH: {"GET": api.credits_usage},
    "/v1/images/generations": {"POST": api.generation("image")},
    "/v1/videos/generations": {"POST": api.generation("video")},
    "/v1/audios/generations": {"POST": api.generation("audio")},
    "/v1/tasks/{id}": {"GET": api.task_detail},
    "/v1/chat/completions": {"POST": api.chat_completion},
    "/demo/fault": {"POST": control.switch_fault_on, "DELETE": control.clear_faults},
    "/demo/top-up": {"POST": control.top_up},
    "/demo/spend": {"POST": control.spend},
    "/demo/settle": {"POST": control.settle},
    "/demo/requests": {"GET": control.requests_seen},
    api.RESULT_PATH: {"GET": control.result},
}

_OPEN_TO_ALL = frozenset({api.RESULT_PATH})


def route_of(target: str) -> tuple[str, str]:
    """Give the route a request's target belongs to, and what stands in the place of its ``{}``."""
    path = target.partition("?")[0]
    if path in ROUTES and "{" not in path:
        return path, ""
    folder, _, last = path.rpartition("/")
    for route in ROUTES:
        if last and route.startswith(f"{folder}/{{"):
            return route, unquote(last)
    return UNKNOWN_PATH, ""


def respond(server: DemoServer, method: str, target: str, authorization: str | None, body: bytes) -> Answer:
    """Give the right answer to a request, faults aside."""
    route, place = route_of(target)
    operations = ROUTES.get(route)
    if operations is None:
        return error_answer(404)
    operation = operations.get(method)
    if operation is None:
        return error_answer(405, headers=(("Allow", ", ".join(operations)),))
    key = _key_named_by(authorization, server)
    if key is None and route not in _OPEN_TO_ALL:
        return error_answer(401)
    try:
        return operation(Call(server, key or "", body, place))
    except RefusedError as refused:
        return refused.answer
    except Exception:
        logger.debug("could not answer %s %s", method, route, exc_info=True)
        return error_answer(500)


def _key_named_by(authorization: str | None, server: DemoServer) -> str | None:
    scheme, _, credential = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    given = credential.strip().encode(errors="surrogateescape")
    for name in server.account.keys:
        if hmac.compare_digest(given, server.key_of(name).encode()):
            return name
    return None
