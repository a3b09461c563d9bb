"""What a saved notebook keeps of its cards: when it is written down anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.kernel import Kernel

FETCHER = (
    "from evolink_nb import CreditsFetcher, EvoLinkClient\nfetcher = CreditsFetcher.shared(EvoLinkClient())"
)


@pytest.mark.parametrize("way", ["--live", "--html"])
def test_a_notice_is_written_down_at_once(kernel: Kernel, way: str) -> None:
    for cell in ("%load_ext evolink_nb", f"%evolink_credits {way} --every 3600", FETCHER):
        assert kernel.run(cell).error is None
    run = kernel.run("fetcher.set_message(notice='Spent.', outlook='about 3 more runs')\nprint('said')")
    kinds = [message["msg_type"] for message in run.messages]
    written = run.messages[kinds.index("update_display_data")]["content"]["data"]
    assert kinds.index("update_display_data") < kinds.index("stream")
    assert kinds.count("update_display_data") == 1
    for words in ("Spent.", "about 3 more runs"):
        assert all(words in written[kind] for kind in ("text/plain", "text/html"))
