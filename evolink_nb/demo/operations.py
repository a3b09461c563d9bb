"""The operations of the real API: the balance, the calls that spend, and the tasks they start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .account import UnknownTaskError
from .balances import OutOfCreditsError
from .messages import Fields, RefusedError, Response, error_response, invalid, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from .account import Account
    from .faults import Faults
    from .request_log import RequestLog
    from .tasks import Task

MAX_MODEL_NAME = 128
"""The longest model name, in characters."""

MAX_IMAGES = 10

MAX_TOKENS = 4096

RESULT_ROUTE = "/demo/results/{name}"


@dataclass(frozen=True)
class Call:
    """What an operation needs to answer a request.

    Attributes:
        account: The account it applies to.
        faults: The faults that are switched on.
        log: The requests so far.
        key: The name of the calling key; "" if none is required.
        body: The request's body.
        name: The value in place of the route's ``{}``.
        base_url: The API's URL as seen by the client.
    """

    account: Account
    faults: Faults
    log: RequestLog
    key: str
    body: bytes
    name: str
    base_url: str


def credits_usage(call: Call) -> Response:
    """Return the balance of the calling key and its account."""
    return json_response({"data": call.account.balance(call.key), "message": "", "success": True})


def generation(kind: str) -> Callable[[Call], Response]:
    """Return the operation that starts a task making images, videos or audio clips."""

    def start(call: Call) -> Response:
        fields = Fields(call.body)
        model = fields.text("model", max_length=MAX_MODEL_NAME)
        fields.text("prompt")
        count = fields.integer("n", minimum=1, maximum=MAX_IMAGES, default=1) if kind == "image" else 1
        try:
            task = call.account.start_task(kind, model=model, count=count, key=call.key)
        except OutOfCreditsError:
            raise RefusedError(error_response(402)) from None
        usage = {"billing_rule": "per_call", "credits_reserved": task.reserved, "user_group": "default"}
        estimate = max(1, round(call.account.settle_after[1]))
        return json_response(
            {
                **_head(task),
                "progress": 0,
                "status": "pending",
                "task_info": {"can_cancel": False, "estimated_time": estimate},
                "usage": usage,
            }
        )

    return start


def task_detail(call: Call) -> Response:
    """Return a task's progress, with its results once it is completed."""
    try:
        report = call.account.task(call.name)
    except UnknownTaskError:
        raise RefusedError(error_response(404, code="invalid_task_id", message="Task not found")) from None
    address = call.base_url + RESULT_ROUTE.format(name="")
    detail: dict[str, Any] = {
        **_head(report.task),
        "progress": report.progress,
        "results": [f"{address}{report.task.id}-{number}.png" for number in range(1, report.ready + 1)],
        "status": report.status,
        "task_info": {"can_cancel": False},
    }
    if report.status == "failed":
        detail["error"] = {
            "code": "generation_failed_no_content",
            "message": "The model made nothing; the credits were refunded",
        }
    return json_response(detail)


def chat_completion(call: Call) -> Response:
    """Answer a chat with token counts; the cost shows only in the balance."""
    fields = Fields(call.body)
    model = fields.text("model", max_length=MAX_MODEL_NAME)
    max_tokens = fields.integer("max_tokens", minimum=1, maximum=MAX_TOKENS, default=256)
    if fields.content.get("stream", False) is not False:
        raise invalid("stream", "the simulated account answers in one piece only")
    prompt_tokens = _count_tokens(fields.content.get("messages"))
    try:
        chat = call.account.complete_chat(prompt_tokens=prompt_tokens, max_tokens=max_tokens, key=call.key)
    except OutOfCreditsError:
        raise RefusedError(error_response(402)) from None
    message = {"role": "assistant", "content": "A simulated answer: no model was asked."}
    return json_response(
        {
            "id": chat.id,
            "object": "chat.completion",
            "created": chat.created,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": chat.prompt_tokens,
                "completion_tokens": chat.completion_tokens,
                "total_tokens": chat.prompt_tokens + chat.completion_tokens,
            },
        }
    )


def _head(task: Task) -> dict[str, Any]:
    return {
        "created": task.created,
        "id": task.id,
        "model": task.model,
        "object": f"{task.kind}.generation.task",
        "type": task.kind,
    }


def _count_tokens(messages: object) -> int:
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "messages must be a list that is not empty")
    tokens = 0
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("system", "user", "assistant") or not isinstance(message.get("content"), str):
            raise invalid("messages", "each message needs a role and a content")
        # A token is about four characters, and each message adds a few tokens.
        tokens += 4 + len(message["content"]) // 4
    return tokens
