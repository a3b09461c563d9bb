"""`python -m tests.gallery [SCENE …]`: take the pictures, and write the page that shows them."""

from __future__ import annotations

import argparse
import shutil
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.chromium import open_chromium
from tests.support.jupyter import SCREENSHOTS

from .scene_page import WIDTHS, ScenePage
from .scenes import Scene, scenes
from .themes import LAB, OTHERS, Theme

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GALLERY = SCREENSHOTS / "gallery"
SMALL = 300
"""The width in pixels that a card in its small form is given."""
CONDITIONS: tuple[tuple[Theme, int], ...] = (
    *((theme, width) for theme in LAB for width in (*WIDTHS, SMALL)),
    *((theme, 440) for theme in OTHERS),
)
"""Each theme and width that a sheet is made of."""

_COLUMNS = {260: 6, 300: 5, 440: 4, 900: 2}
_STYLE = """
body { margin: 16px; font: 14px/1.5 system-ui, sans-serif; background: #fff; color: #222; }
main { display: grid; grid-template-columns: repeat(VAR, max-content); gap: 18px 14px; align-items: start; }
figure { margin: 0; } img { display: block; } figcaption { padding: 0 12px; max-width: 420px; }
.dark { background: #111; color: #ccc; }
nav a { margin-right: 12px; }
"""


def main() -> int:
    """Take every picture, or those of the scenes that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="a scene's name, as in its picture's")
    names = parser.parse_args().scenes
    chosen = [scene for scene in scenes() if not names or scene.name in names]
    if len(chosen) < len(names):
        parser.error(f"the scenes are: {', '.join(scene.name for scene in scenes())}")
    shutil.rmtree(GALLERY, ignore_errors=True)
    GALLERY.mkdir(parents=True)
    with open_chromium() as browser:
        _take_cards(browser, chosen)
        _take_sheets(browser, chosen)
    sys.stdout.write(f"{GALLERY / 'index.html'}\n")
    return 0


def _take_cards(browser: Browser, chosen: list[Scene]) -> None:
    context = browser.new_context(viewport={"width": 960, "height": 900}, reduced_motion="reduce")
    scene_page = ScenePage(context)
    for scene in chosen:
        scene_page.show(scene, *CONDITIONS[0])
        for theme, width in CONDITIONS:
            scene_page.set_theme(theme)
            scene_page.set_width(width)
            scene_page.set_compact(width == SMALL)
            scene_page.place.screenshot(path=GALLERY / _picture(theme, width, scene), animations="disabled")
    context.close()


def _take_sheets(browser: Browser, chosen: list[Scene]) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    for theme, width in CONDITIONS:
        sheet = GALLERY / f"{theme.name}-{width}.html"
        sheet.write_text(_sheet(theme, width, chosen), encoding="utf-8")
        page.set_viewport_size({"width": 60 + _COLUMNS[width] * (width + 40), "height": 900})
        page.goto(sheet.as_uri())
        page.screenshot(path=sheet.with_suffix(".png"), full_page=True)
    links = "".join(
        f'<h2><a href="{theme.name}-{width}.html">{theme.name}, {width} px</a></h2>'
        f'<img src="{theme.name}-{width}.png" alt="" loading="lazy" style="max-width: 100%">'
        for theme, width in CONDITIONS
    )
    index = _page("The card, in every state", "light", 1, f"<h1>The card, in every state</h1>{links}")
    (GALLERY / "index.html").write_text(index, encoding="utf-8")


def _sheet(theme: Theme, width: int, chosen: list[Scene]) -> str:
    figures = "".join(
        f'<figure><img src="{_picture(theme, width, scene)}" alt="{escape(scene.caption)}">'
        f"<figcaption><b>{scene.name}</b> · {escape(scene.caption)}</figcaption></figure>"
        for scene in chosen
    )
    kind = "dark" if theme.name.endswith("dark") else "light"
    return _page(f"{theme.name}, {width} px", kind, _COLUMNS[width], f"<main>{figures}</main>")


def _page(title: str, kind: str, columns: int, content: str) -> str:
    style = _STYLE.replace("VAR", str(columns))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<style>{style}</style><body class="{kind}">{content}'
    )


def _picture(theme: Theme, width: int, scene: Scene) -> Path:
    return Path(f"{theme.name}-{width}-{scene.name}.png")


if __name__ == "__main__":
    sys.exit(main())
