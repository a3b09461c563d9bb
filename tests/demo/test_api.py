"""The simulated API over real sockets: its shapes, its exact numbers, and what it refuses."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from evolink_nb.demo import Account, DemoServer
from tests.support.caller import CREDITS, Caller

IMAGES = "/v1/images/generations"
IMAGE = {"model": "any", "prompt": "a lighthouse"}
CHAT = {"model": "any", "messages": [{"role": "user", "content": "Tell me about lighthouses."}]}


def test_balance_is_documented_example(caller: Caller) -> None:
    """The balance is the documented example, in exact numbers."""
    reply = caller.get()
    assert reply.status == 200
    assert reply.json == {
        "data": {
            "token": {
                "remaining_credits": Decimal("99416.4429"),
                "used_credits": Decimal("583.5571"),
                "unlimited_credits": False,
            },
            "user": {"remaining_credits": Decimal("1095.3996"), "used_credits": Decimal("135.9048")},
        },
        "message": "",
        "success": True,
    }


def test_numbers_carry_no_float_noise(server: DemoServer, caller: Caller) -> None:
    server.account.spend("1.36")
    server.account.spend("0.0001")
    assert b'"remaining_credits":1094.0395,' in caller.get().body


def test_image_task_from_start_to_result(server: DemoServer, caller: Caller) -> None:
    """An image reserves, then settles, and its results can be fetched."""
    started = caller.post(IMAGES, {**IMAGE, "n": 3}).json
    assert re.fullmatch(r"task-unified-\d+-[a-z]{8}", started["id"])
    assert started["object"] == "image.generation.task"
    assert (started["status"], started["progress"]) == ("pending", 0)
    assert started["usage"]["credits_reserved"] == Decimal("4.8")
    figures = caller.get().json["data"]
    assert figures["user"]["remaining_credits"] == Decimal("1090.5996")
    assert figures["token"]["used_credits"] == Decimal("588.3571")

    server.account.settle_all()
    assert caller.get().json["data"]["user"]["used_credits"] == Decimal("140.7048")
    detail = caller.get(f"/v1/tasks/{started['id']}").json
    assert (detail["status"], detail["progress"], len(detail["results"])) == ("completed", 100, 3)
    picture = caller.send("GET", detail["results"][0].removeprefix(server.url), headers={"Accept": "*/*"})
    assert picture.headers["content-type"] == "image/png"
    assert picture.body.startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_videos_and_audios_are_tasks_too(caller: Caller, kind: str) -> None:
    assert caller.post(f"/v1/{kind}s/generations", IMAGE).json["object"] == f"{kind}.generation.task"


def test_failed_task_has_a_text_code() -> None:
    with DemoServer(Account(failure_rate=1)) as server:
        caller = Caller(server)
        started = caller.post(IMAGES, IMAGE).json
        server.account.settle_all()
        detail = caller.get(f"/v1/tasks/{started['id']}").json
        caller.connection.close()
    assert detail["status"] == "failed"
    assert isinstance(detail["error"]["code"], str)


def test_chat_reports_tokens_and_costs(server: DemoServer, caller: Caller) -> None:
    """A chat reports its tokens, and costs a little."""
    chat = caller.post("/v1/chat/completions", CHAT).json
    usage = chat["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert set(usage) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    cost = server.account.cost_of(chat["id"])
    server.account.settle_all()
    assert 0 < cost < 1
    assert caller.get().json["data"]["user"]["used_credits"] == Decimal("135.9048") + cost


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic {key}", "{key}", "Bearer é"]
)
def test_wrong_key_gives_documented_401(
    server: DemoServer, caller: Caller, authorization: str | None
) -> None:
    given = {} if authorization is None else {"Authorization": authorization.format(key=server.key)}
    reply = caller.send("GET", CREDITS, headers={"Accept": "*/*", **given})
    assert reply.status == 401
    assert reply.error == {"code": 401, "message": "Invalid or expired token", "type": "authentication_error"}


def test_other_key_has_own_counters(server: DemoServer) -> None:
    other = Caller(server, server.key_of("other"))
    assert other.post("/demo/spend", {"credits": 2}).status == 200
    assert other.get().json["data"]["token"]["used_credits"] == 2
    other.connection.close()
    assert server.account.balance()["token"]["used_credits"] == Decimal("583.5571")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/credits/", "/v1/tasks/", "/v1/tasks/a/b", "/v1/credit", "*"]
)
def test_unknown_path_is_not_found(caller: Caller, path: str) -> None:
    reply = caller.get(path)
    assert (reply.status, reply.error["code"]) == (404, 404)


def test_unknown_task_has_a_text_code(caller: Caller) -> None:
    reply = caller.get("/v1/tasks/task-unified-1-abcdefgh")
    assert (reply.status, reply.error["code"]) == (404, "invalid_task_id")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (IMAGES, b"", None),
        (IMAGES, b"{", None),
        (IMAGES, b"[]", None),
        (IMAGES, b"\xff", None),
        (IMAGES, b"[" * 100_000, None),
        (IMAGES, b'{"n": NaN}', None),
        (IMAGES, {"prompt": "x"}, "model"),
        (IMAGES, {"model": 1, "prompt": "x"}, "model"),
        (IMAGES, {"model": "x"}, "prompt"),
        (IMAGES, {**IMAGE, "n": 0}, "n"),
        (IMAGES, {**IMAGE, "n": 11}, "n"),
        (IMAGES, {**IMAGE, "n": True}, "n"),
        (IMAGES, {**IMAGE, "n": 1.5}, "n"),
        (IMAGES, b'{"model": "x", "prompt": "x", "n": 1e999999999}', "n"),
        ("/v1/chat/completions", {"model": "x", "messages": []}, "messages"),
        ("/v1/chat/completions", {"model": "x", "messages": [{"role": "king", "content": ""}]}, "messages"),
        ("/v1/chat/completions", {**CHAT, "stream": True}, "stream"),
        ("/demo/top-up", {"credits": -1}, "credits"),
        ("/demo/top-up", {"credits": "many"}, "credits"),
        ("/demo/top-up", {"credits": 1e10}, "credits"),
        ("/demo/spend", {"credits": 1, "key": "nobody"}, "key"),
        ("/demo/fault", {"status": 200}, "status"),
        ("/demo/fault", {"colour": "red"}, "colour"),
        ("/demo/fault", {"retry_after": "1\r\nX-Evil: 1"}, "retry_after"),
        ("/demo/fault", {"path": "/v1/elsewhere"}, "path"),
    ],
)
def test_invalid_body_names_its_field(caller: Caller, path: str, body: object, param: str | None) -> None:
    reply = caller.post(path, body)
    assert reply.status == 400
    assert (reply.error["type"], reply.error.get("param")) == ("invalid_request_error", param)
    assert caller.get().json["data"]["user"]["remaining_credits"] == Decimal("1095.3996")


def test_large_body_is_refused(caller: Caller) -> None:
    """A body of more than a megabyte is refused, even if it is sent whole."""
    reply = caller.post(IMAGES, b" " * 5_000_000)
    assert (reply.status, reply.error["type"]) == (413, "request_too_large_error")


def test_nothing_left_is_402_until_top_up(server: DemoServer, caller: Caller) -> None:
    assert caller.post("/demo/spend", {"credits": 2000.5}).status == 200
    assert caller.get().json["data"]["user"]["remaining_credits"] == Decimal("-905.1004")
    for path, body in [(IMAGES, IMAGE), ("/v1/chat/completions", CHAT), ("/demo/spend", {"credits": 1})]:
        assert caller.post(path, body).error["code"] == 402
    assert caller.post("/demo/top-up", {"credits": 1000}).status == 200
    assert caller.post(IMAGES, IMAGE).status == 200
    assert caller.post("/demo/settle", None).json["data"] == server.account.balance()
