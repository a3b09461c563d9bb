"""What a live card sends from a real kernel: few messages, small ones, also beside a running cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolink_nb.demo import OTHER_KEY
from tests.support.kernel import Message, size_of, trait_updates

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.kernel import Kernel


def test_an_update_is_one_small_message(kernel: Kernel, demo_server: DemoServer) -> None:
    kernel.run("from evolink_nb import CreditsWidget; card = CreditsWidget(interval=3600)")
    kernel.run("card.fetcher.wait(10)")
    demo_server.account.spend(5)
    run = kernel.run("credits = card.fetcher.read()\nprint(card.user_remaining)")
    assert run.text == "1090.3996"
    updates = [message for message in run.messages if trait_updates([message])]
    refreshing, live = trait_updates(updates)
    assert refreshing == {"status": "refreshing"}
    assert live.keys() == {"user_remaining", "user_used", "token_remaining", "token_used"} | {
        "updated_at",
        "status",
        "spent",
    }
    assert (live["user_remaining"], live["status"]) == (1090.3996, "live")
    assert size_of(updates[1]) < 400


def test_a_notice_is_one_small_message(kernel: Kernel, demo_server: DemoServer) -> None:
    kernel.run("from evolink_nb import CreditsWidget; card = CreditsWidget(interval=3600, warn_below=50)")
    kernel.run("card.fetcher.wait(10)")
    said = {
        "notice": "The budget of 5 credits is spent (7), but the work is still running.",
        "outlook": "about 14 more runs of this cell",
    }
    run = kernel.run(f"card.fetcher.set_message(**{said!r})\ncard.fetcher.set_message(**{said!r})")
    assert trait_updates(run.messages) == [said]
    demo_server.account.spend(1050)
    run = kernel.run("credits = card.fetcher.read()")
    updates = [message for message in run.messages if trait_updates([message])]
    refreshing, live = trait_updates(updates)
    assert (live["level"], live["status"]) == ("low", "live")
    assert not said.keys() & (refreshing.keys() | live.keys())
    assert max(map(size_of, updates)) <= 600


def test_an_unchanged_poll_sends_its_time(kernel: Kernel) -> None:
    def live(message: Message) -> bool:
        return any("updated_at" in state for state in trait_updates([message]))

    kernel.run("from evolink_nb import CreditsWidget; card = CreditsWidget(interval=0.2)")
    kernel.run("card.fetcher.wait(10)")
    kernel.messages_until(live)
    polled = trait_updates(kernel.messages_until(live) + kernel.messages_until(live))
    assert [state.keys() for state in polled] == [{"updated_at"}] * 2
    kernel.run("card.close()")


def test_a_click_is_answered(kernel: Kernel, demo_server: DemoServer) -> None:
    run = kernel.run(
        "from evolink_nb import CreditsWidget; card = CreditsWidget(interval=3600)\n"
        "card.fetcher.wait(10); print(card.model_id)"
    )
    comm = run.text.split()[-1]
    kernel.send(comm, {"method": "custom", "content": {"action": "nothing known"}})
    kernel.send(comm, {"method": "custom", "content": "nothing at all"})
    kernel.send(comm, {"method": "custom", "content": {"action": "refresh"}})

    def answers(message: Message) -> bool:
        content = message["content"].get("data", {}).get("content")
        return bool(message["msg_type"] == "comm_msg" and content == {"answer": "refresh"})

    kernel.messages_until(answers)
    demo_server.wait_for_requests(2)
    assert demo_server.requests_seen["/v1/credits"] == 2


def test_the_installed_kernel_is_covered(kernel: Kernel) -> None:
    kernel.run("from evolink_nb import CreditsWidget; card = CreditsWidget(interval=3600)")
    run = kernel.run("print(vars(card.comm)['_reply_subshell_for'](None, 'the front end\\'s'))")
    assert run.text == "the front end's"


def test_live_card_follows_another_key(kernel: Kernel, demo_server: DemoServer) -> None:
    """Its saved fallback too; a card whose account was named stays."""
    kernel.run("%load_ext evolink_nb")
    shown = kernel.run("%evolink_credits --live --every 3600")
    kernel.run("import os; os.environ['NAMED_KEY'] = os.environ['EVOLINK_API_KEY']")
    kernel.run("%evolink_credits --live --every 3600 --key-env NAMED_KEY")
    kernel.run(f"os.environ['EVOLINK_API_KEY'] = {demo_server.key_of(OTHER_KEY)!r}")
    switched = kernel.run("c = %evolink_credits")
    assert "The live cards now show the account of this key." in switched.text
    updates = trait_updates(switched.messages)
    assert [update["token_unlimited"] for update in updates if "token_unlimited" in update] == [True]
    rewritten = [
        message["content"]["data"]["text/plain"]
        for message in switched.messages
        if message["msg_type"] == "update_display_data"
    ]
    # That of a card whose account was named is none of them, or as it was.
    assert any("no limit of its own" in text for text in rewritten)
    assert "no limit of its own" not in shown.text
