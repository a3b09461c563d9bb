"""The documentation builds without a warning, asks no other host for anything, and has every public name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile
from traitlets import TraitType

import evolink_nb
from docs import build
from evolink_nb import errors

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly now."""
    folder = tmp_path_factory.mktemp("docs")
    assert build.build_site(folder / "site", folder / "source") == 0
    return folder / "site"


def test_it_builds_without_a_warning(site: Path) -> None:
    titles = {
        page.relative_to(site).as_posix(): re.search("<h1>(.*?)<", page.read_text(encoding="utf-8"))
        for page in site.rglob("*.html")
        if page.name not in {"genindex.html", "search.html", "py-modindex.html"}
    }
    assert len(titles) > 25
    assert [name for name, title in titles.items() if title is None] == []


def test_it_asks_no_other_host(site: Path) -> None:
    loaded = [
        f"{page.name}: {found}"
        for page in site.rglob("*.html")
        for found in re.findall(
            r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=\"((?:https?:)?//[^\"]*)",
            page.read_text(encoding="utf-8"),
        )
    ]
    assert loaded == []


def public_names() -> Iterator[str]:
    """Each public name, and each public method, property or trait of the classes among them."""
    for name in evolink_nb.__all__:
        found = getattr(evolink_nb, name)
        yield f"evolink_nb.{name}"
        if inspect.isclass(found) and not issubclass(found, BaseException):
            own = [each for each in vars(found) if not each.startswith("_")]
            members = (staticmethod, classmethod, property, TraitType)
            yield from (
                f"evolink_nb.{name}.{each}"
                for each in own
                if inspect.isfunction(vars(found)[each]) or isinstance(vars(found)[each], members)
            )
    yield from (
        f"evolink_nb.{'' if name in evolink_nb.__all__ else 'errors.'}{name}"
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, BaseException)
    )


def test_every_public_name_is_documented(site: Path) -> None:
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    documented = {name for kind, names in inventory.data.items() if kind.startswith("py:") for name in names}
    assert sorted(set(public_names()) - documented) == []
