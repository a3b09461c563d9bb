"""The files of the demo's JupyterLab: notebooks, each with its own account, and settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..api import credentials, settings

if TYPE_CHECKING:
    from ..demo import DemoServer

NOTEBOOK = "notebooks/quickstart.ipynb"
BESIDE = (
    "notebooks/cost-of-a-cell.ipynb",
    "notebooks/budgets.ipynb",
    "notebooks/history.ipynb",
    "notebooks/team.ipynb",
)
"""Notebooks that the quickstart links to. Each has its own kernel and thereby its own account, so that its
outputs don't depend on which notebook was run first."""


def account_of(server: DemoServer) -> dict[str, str]:
    """Return the environment variables for programs that use a server's account.

    Args:
        server: The server.
    """
    return {
        settings.DEMO_VARIABLE: "1",
        settings.BASE_URL_VARIABLE: server.url,
        credentials.API_KEY_VARIABLE: server.key,
    }


def write_tour(folder: Path, beside: dict[str, DemoServer]) -> None:
    """Copy the notebooks to ``folder / "root"``, so that users edit copies, not the checkout.

    The copies have no outputs: JupyterLab would show untrusted ones without their styles.

    Args:
        folder: The folder; also gets JupyterLab's ``config``, and the kernels in ``data``.
        beside: The server of each notebook of `BESIDE`.
    """
    package = Path(__file__).parents[1]
    for name in (NOTEBOOK, *BESIDE):
        # In a checkout they are next to the package; an installed package includes them.
        places = (package.parent / name, package / "demo" / Path(name).name)
        notebook = json.loads(next(place for place in places if place.exists()).read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"] = []
        if name in beside:
            notebook["metadata"]["kernelspec"] = _write_kernel(folder, Path(name).stem, beside[name])
        target = folder / "root" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")
    # Otherwise JupyterLab would first ask newcomers whether to fetch its news.
    configuration = folder / "config" / "labconfig" / "page_config.json"
    configuration.parent.mkdir(parents=True)
    news = "@jupyterlab/apputils-extension:announcements"
    configuration.write_text(json.dumps({"disabledExtensions": {news: True}}), encoding="utf-8")


def _write_kernel(folder: Path, name: str, server: DemoServer) -> dict[str, str]:
    """Write the spec of a kernel with its own account; return the metadata that selects it in a notebook."""
    kernel = {"display_name": f"Python 3 ({name})", "language": "python"}
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    target = folder / "data" / "kernels" / f"evolink-nb-{name}" / "kernel.json"
    target.parent.mkdir(parents=True)
    target.write_text(
        json.dumps({**kernel, "argv": command, "metadata": {"debugger": True}, "env": account_of(server)}),
        encoding="utf-8",
    )
    return {**kernel, "name": target.parent.name}
