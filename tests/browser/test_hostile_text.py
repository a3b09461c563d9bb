"""What a server says reaches the card as text, whatever it is, and leaves the page as it was."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.cards import open_card

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer
    from tests.support.jupyter import FrontEnd

STILL = "%evolink_credits --live --every 3600"
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"
"""Turns the letters after it around, those of others too; it is left out of messages."""
WORDS = {
    "markup": '<img src=x onerror="window.attacked = true"><b>bold</b><script>window.attacked = 1</script>',
    "ten kilobytes": "quota " * 1_700,
    "one long word": "W" * 10_000,
    "right to left, and emoji": f"{OVERRIDE}שלום עולם مرحبا 👩‍👩‍👧‍👦 {'🔥' * 40}",
    "lines": "first\nsecond\r\n\tthird",
}
_PARTS_OUTSIDE = """card => {
    const place = card.getBoundingClientRect();
    return [...card.querySelectorAll("*")]
        .filter(part => part.textContent.trim() && part.checkVisibility())
        .filter(part => !part.closest("[data-short] > span"))  // for screen readers alone
        .map(part => [part.outerHTML.slice(0, 80), part.getBoundingClientRect()])
        .filter(([, box]) => box.left < place.left - 1 || box.right > place.right + 1)
        .map(([markup]) => markup);
}"""


def test_server_words_stay_in_their_place(lab: FrontEnd, demo_server: DemoServer) -> None:
    notebook, card = open_card(lab, demo_server, STILL, "pass")
    before = card.root.bounding_box()
    assert before is not None
    for words in WORDS.values():
        demo_server.clear_faults()
        demo_server.fault(status=400, text=json.dumps({"error": {"message": words, "code": 400}}))
        card.refresh()
        said = " ".join(words.replace(OVERRIDE, "").split())
        message = card.field("message")
        expect(message).to_contain_text(said[:60], use_inner_text=False)
        card.is_("error")
        assert OVERRIDE not in (message.text_content() or "")
        assert message.locator("*").count() == 0
        after = card.root.bounding_box()
        assert after is not None
        assert (after["x"], after["width"]) == (before["x"], before["width"])
        assert after["height"] <= before["height"] + 300
        assert card.root.evaluate(_PARTS_OUTSIDE) == []
        card.shows("1,095.3996")
        notebook.screenshot("live-card-hostile", of=card.root)
        # The card that the file keeps has the same words, and they are no markup there either.
        notebook.run(2)
        outputs = json.dumps(notebook.save()["cells"][1]["outputs"])
        saved = re.search(r'data-field=\\"message\\"[^>]*>(.+?)</div>', outputs)
        assert saved is not None
        assert "<" not in saved[1]
    assert notebook.page.evaluate("() => window.attacked") is None
