"""What holds for the package as a whole: everything public is explained, and nothing is told twice."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import evolink_nb

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(evolink_nb.__path__, "evolink_nb.")
    if not found.name.endswith("__main__")
]


def public(holder: ModuleType | type, path: str) -> Iterator[tuple[str, object]]:
    """Every public class, function, method and property that is defined in a module, with its path."""
    module = holder.__name__ if isinstance(holder, ModuleType) else holder.__module__
    for name, value in vars(holder).items():
        inner = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if name.startswith("_") or not (
            inspect.isclass(inner) or inspect.isfunction(inner) or is_property(inner)
        ):
            continue
        if not is_property(inner) and inner.__module__ != module:
            continue
        yield f"{path}.{name}", inner
        if inspect.isclass(inner):
            yield from public(inner, f"{path}.{name}")


def is_property(value: object) -> bool:
    return isinstance(value, property)


def explained(value: object) -> bool:
    """Whether it has a docstring of its own: not one inherited, nor the one dataclasses make up."""
    if inspect.isclass(value):
        own = str(vars(value).get("__doc__") or "")
        return bool(own.strip()) and not own.startswith(f"{value.__name__}(")
    return bool((value.__doc__ or "").strip())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.removeprefix("evolink_nb."))
def test_everything_public_is_explained(module: ModuleType) -> None:
    assert explained(module)
    assert [path for path, value in public(module, module.__name__) if not explained(value)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.removeprefix("evolink_nb."))
def test_docstrings_start_with_a_sentence(module: ModuleType) -> None:
    for path, value in [(module.__name__, module), *public(module, module.__name__)]:
        first = inspect.cleandoc(value.__doc__ or "").split("\n\n")[0]
        assert first.endswith((".", ":")), path


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.removeprefix("evolink_nb."))
def test_arguments_are_documented(module: ModuleType) -> None:
    """Those of a function with two or more, unless one line says all; a magic's docstring is its help."""
    for path, value in public(module, module.__name__):
        text = inspect.cleandoc(value.__doc__ or "")
        if not inspect.isfunction(value) or "\n" not in text or ".EvoLinkMagics." in path:
            continue
        named = set(inspect.signature(value).parameters) - {"self", "cls"}
        assert len(named) < 2 or "\nArgs:\n" in text, path


def test_the_search_finds_what_there_is() -> None:
    found = dict(pair for module in MODULES for pair in public(module, module.__name__))
    for path in (
        "api.client.EvoLinkClient.get_credits",
        "credits.Credits.from_dict",
        "credits.Credits.binding",
        "formatting.format_time",
    ):
        assert f"evolink_nb.{path}" in found


def test_every_public_name_can_be_imported() -> None:
    for name in evolink_nb.__all__:
        assert getattr(evolink_nb, name) is not None
        assert name in dir(evolink_nb)
    with pytest.raises(AttributeError, match="no attribute 'Balance'"):
        _ = evolink_nb.Balance
