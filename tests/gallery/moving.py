"""`python -m tests.gallery.moving`: make README's moving picture, an evening's work on the live card."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.support.chromium import open_chromium

from .scene_page import ScenePage
from .scenes import evening
from .themes import LAB

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from .scenes import Scene

PICTURE = Path(__file__).parents[2] / "notebooks" / "card.webp"
WIDTH = 440
"""CSS pixels; the picture has twice as many, for screens that do."""
LATER = 3_000
"""Milliseconds from a new reading to its second frame."""
NEW, REST, END = 450, 350, 3_000
"""Milliseconds for which a frame is shown: a reading that is new, the same a little later, the last."""


def main() -> int:
    """Take the picture, and say how large it is."""
    with open_chromium() as browser:
        frames = list(_frames(browser))
    images = _of_one_size([Image.open(io.BytesIO(data)).convert("RGB") for data, _ in frames])
    images[0].save(
        PICTURE,
        save_all=True,
        append_images=images[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        quality=70,
        method=6,
        minimize_size=True,
    )
    sys.stdout.write(f"{PICTURE}: {len(images)} frames, {PICTURE.stat().st_size / 1000:.0f} kB\n")
    return 0


def _of_one_size(images: list[Image.Image]) -> list[Image.Image]:
    """The images, those of a lower card with more of the page below it."""
    size = max(image.width for image in images), max(image.height for image in images)
    canvases = [Image.new("RGB", size, image.getpixel((0, 0))) for image in images]
    for canvas, image in zip(canvases, images, strict=True):
        canvas.paste(image)
    return canvases


def _frames(browser: Browser) -> Iterator[tuple[bytes, int]]:
    """Each frame as a PNG, and for how many milliseconds it is shown."""
    context = browser.new_context(viewport={"width": 960, "height": 900}, device_scale_factor=2)
    page = ScenePage(context)
    before: Scene | None = None
    for scene in evening():
        if before is None or before.state is None or scene.state is None:
            page.show(scene, LAB[0], WIDTH)
        else:
            known = before.state
            page.page.clock.run_for(int((scene.now - before.now).total_seconds() * 1000) - LATER)
            page.update(**{name: value for name, value in scene.state.items() if known[name] != value})
            page.finish_animations()
        yield page.place.screenshot(), NEW
        page.page.clock.run_for(LATER)
        page.finish_animations()
        yield page.place.screenshot(), REST
        before = scene
    yield page.place.screenshot(), END
    context.close()


if __name__ == "__main__":
    sys.exit(main())
