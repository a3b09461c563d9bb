"""The operations of the API: the balance, the calls that spend, and the tasks they start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import UnknownTaskError
from .answers import Answer, RefusedError, error_answer, invalid, json_answer
from .call import Call, Fields
from .ledger import OutOfCreditsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .tasks import Task

LONGEST_MODEL_NAME = 128

MOST_TOKENS = 4096

RESULT_PATH = "/demo/results/{name}"


def credits_usage(call: Call) -> Answer:
    """Answer with the balance of the calling key and its account."""
    return json_answer({"data": call.account.balance(call.key), "message": "", "success": True})


def generation(kind: str) -> Callable[[Call], Answer]:
    """Give the operation that starts a task making images, videos or audios."""

    def start(call: Call) -> Answer:
        fields = Fields(call.body)
        model = fields.text("model", most=LONGEST_MODEL_NAME)
        fields.text("prompt")
        count = fields.integer("n", least=1, most=10, default=1) if kind == "image" else 1
        try:
            task = call.account.start_task(kind, model=model, count=count, key=call.key)
        except OutOfCreditsError:
            raise RefusedError(error_answer(402)) from None
        usage = {"billing_rule": "per_call", "credits_reserved": task.reserved, "user_group": "default"}
        estimate = max(1, round(call.account.settle_after[1]))
        return json_answer(
            {
                **_head(task),
                "progress": 0,
                "status": "pending",
                "task_info": {"can_cancel": False, "estimated_time": estimate},
                "usage": usage,
            }
        )

    return start


def task_detail(call: Call) -> Answer:
    """Answer with how far a task has come, and with its results once it is completed."""
    try:
        report = call.account.task(call.place)
    except UnknownTaskError:
        raise RefusedError(error_answer(404, code="invalid_task_id", message="Task not found")) from None
    address = call.server.url + RESULT_PATH.format(name="")
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
            "message": "The model made nothing; the credits were given back",
        }
    return json_answer(detail)


def chat_completion(call: Call) -> Answer:
    """Answer a chat with token counts; what it cost shows in the balance alone."""
    fields = Fields(call.body)
    model = fields.text("model", most=LONGEST_MODEL_NAME)
    most_tokens = fields.integer("max_tokens", least=1, most=MOST_TOKENS, default=256)
    if fields.content.get("stream", False) is not False:
        raise invalid("stream", "the simulated account answers in one piece only")
    prompt_tokens = _count_tokens(fields.content.get("messages"))
    try:
        chat = call.account.complete_chat(prompt_tokens=prompt_tokens, most_tokens=most_tokens, key=call.key)
    except OutOfCreditsError:
        raise RefusedError(error_answer(402)) from None
    message = {
        "role": "assistant",
        "content": "A simulated answer: no model was asked.",
    }
    return json_answer(
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
        # About four characters make a token, and each message has a few of its own.
        tokens += 4 + len(message["content"]) // 4
    return tokens
