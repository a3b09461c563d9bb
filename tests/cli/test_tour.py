"""What the demo's JupyterLab is given."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from evolink_nb.cli.tour import BESIDE, NOTEBOOK, write_tour
from evolink_nb.demo import DemoServer

ROOT = Path(__file__).parents[2]


def test_kernels_have_their_own_accounts(tmp_path: Path) -> None:
    """A notebook's cells stay as they are; only their outputs go, and the kernel that it names is another."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(DemoServer()) for name in BESIDE}
        write_tour(tmp_path, servers)
    for name in (NOTEBOOK, *BESIDE):
        written, given = (
            json.loads((folder / name).read_text(encoding="utf-8")) for folder in (tmp_path / "root", ROOT)
        )
        kernel = written["metadata"].pop("kernelspec")["name"]
        given["metadata"].pop("kernelspec")
        outputs = [cell.pop("outputs") for cell in given["cells"] if cell["cell_type"] == "code"]
        assert any(outputs)
        assert all(cell.pop("outputs") == [] for cell in written["cells"] if cell["cell_type"] == "code")
        assert written == given
        if name in BESIDE:
            specification = tmp_path / "data" / "kernels" / kernel / "kernel.json"
            assert json.loads(specification.read_text())["env"] == {
                "EVOLINK_NB_DEMO": "1",
                "EVOLINK_BASE_URL": servers[name].url,
                "EVOLINK_API_KEY": servers[name].key,
            }
