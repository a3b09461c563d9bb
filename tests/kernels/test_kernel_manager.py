"""What tests rely on: a kernel's messages all come, however late they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kernel import Kernel

MESSAGES = 3000
"""More than the sockets of a kernel and its client keep by default."""


def test_no_message_is_lost_unread(kernel: Kernel, tmp_path: Path) -> None:
    done = tmp_path / "done"
    run = kernel.run(
        f"for number in range({MESSAGES}): display(number)\nopen({str(done)!r}, 'w').close()",
        during=lambda: wait_until(done.exists, limit=60),
    )
    assert [output["data"]["text/plain"] for output in run.outputs] == list(map(str, range(MESSAGES)))
