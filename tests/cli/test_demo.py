"""``evolink-nb demo`` without JupyterLab: how its page is opened."""

from __future__ import annotations

import re
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from evolink_nb.cli.demo import redirect_file

if TYPE_CHECKING:
    import pytest

URL = "http://127.0.0.1:8888/lab/tree/quickstart.ipynb?token=0123456789abcdef&x=1"


def test_browser_gets_a_page_without_token(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All users of the machine see a browser's arguments, and only its owner the page."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(clean_environment / "runtime"))
    with redirect_file(URL) as page:
        assert page.as_uri().startswith("file://")
        assert "0123456789abcdef" not in page.as_uri()
        assert S_IMODE(page.stat().st_mode) == 0o600
        [target] = re.findall(r'content="1;url=(.*?)"', page.read_text())
        assert target == URL.replace("&", "&amp;")
    assert not page.exists()
