"""What hosts say about colours: JupyterLab's own stylesheets, VS Code's variables, or nothing at all."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_LAB_THEMES = Path(sysconfig.get_path("data")) / "share" / "jupyter" / "lab" / "themes" / "@jupyterlab"

# The defaults of "Light Modern" and "Dark Modern".
_CODE_COLOURS = {"light": ("#3b3b3b", "#ffffff"), "dark": ("#cccccc", "#1f1f1f")}


@dataclass(frozen=True)
class Theme:
    """A host's colours: attributes of the page's body, a stylesheet, and the system's own preference."""

    name: str
    scheme: Literal["light", "dark"]
    stylesheet: str
    attributes: str = ""


def _lab(scheme: Literal["light", "dark"]) -> Theme:
    stylesheet = (_LAB_THEMES / f"theme-{scheme}-extension" / "index.css").read_text(encoding="utf-8")
    # The system's preference is the other one: the host's word must win.
    other: Literal["light", "dark"] = "dark" if scheme == "light" else "light"
    return Theme(
        f"lab-{scheme}",
        other,
        f"{stylesheet}\nbody {{ background: var(--jp-layout-color0); color: var(--jp-ui-font-color1); }}",
        f'data-jp-theme-light="{str(scheme == "light").lower()}"',
    )


def _code(scheme: Literal["light", "dark"]) -> Theme:
    foreground, background = _CODE_COLOURS[scheme]
    variables = {
        "--vscode-foreground": foreground,
        "--vscode-editor-background": background,
        "--vscode-font-family": "system-ui, sans-serif",
    }
    declarations = "".join(f"{name}: {value};" for name, value in variables.items())
    stylesheet = f":root {{ {declarations} }} body {{ background: {background}; color: {foreground}; }}"
    return Theme(f"vscode-{scheme}", scheme, stylesheet, f'class="vscode-{scheme}"')


def _system(scheme: Literal["light", "dark"]) -> Theme:
    return Theme(
        f"system-{scheme}",
        scheme,
        ":root { color-scheme: light dark; } body { background: Canvas; color: CanvasText; }",
    )


LAB = (_lab("light"), _lab("dark"))
OTHERS = (_system("light"), _system("dark"), _code("light"), _code("dark"))
THEMES = LAB + OTHERS
