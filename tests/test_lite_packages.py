"""The packages of the site of `make lite`: their bytecode, and the one archive that they come in."""

from __future__ import annotations

import importlib
import tarfile
import zipfile
from pathlib import Path

import pytest

from lite import bytecode, packages


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with a module, what isn't one, tests and a script."""
    path = tmp_path / "sources" / "violet-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("violet/__init__.py", "def fail():\n    return 1 / 0\n")
        archive.writestr("violet/template.py", "class {{ name }}: ...")
        archive.writestr("violet/card.css", "b {}")
        archive.writestr("violet/tests/test_it.py", "")
        archive.writestr("violet-1.0.data/scripts/violet.sh", "")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def names_in(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as content:
        return content.namelist()


def test_modules_are_replaced_by_bytecode(wheel: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bytecode.compile_archives(str(wheel.parent), str(target), keep_sources=False)
    assert names_in(target / wheel.name)[:3] == [
        "violet/__init__.pyc",
        "violet/template.py",
        "violet/card.css",
    ]
    monkeypatch.syspath_prepend(target / wheel.name)
    with pytest.raises(ZeroDivisionError) as caught:
        importlib.import_module("violet").fail()
    # Where a browser has it, whichever archive it came in.
    assert Path(caught.traceback[-1].path).parts[-3:] == ("site-packages", "violet", "__init__.py")


def test_modules_can_keep_their_sources(wheel: Path, target: Path) -> None:
    bytecode.compile_archives(str(wheel.parent), str(target), keep_sources=True)
    names = names_in(target / wheel.name)
    assert "violet/__init__.py" in names
    assert any(name.startswith("violet/__pycache__/__init__.") for name in names)


def test_no_tests_are_among_the_packages(wheel: Path, target: Path) -> None:
    bytecode.compile_archives(str(wheel.parent), str(target), keep_sources=False)
    assert not any("tests" in name for name in names_in(target / wheel.name))


def test_an_archive_has_what_is_installed(wheel: Path, target: Path) -> None:
    packages.pack([wheel], target / packages.ARCHIVE)
    with tarfile.open(target / packages.ARCHIVE) as archive:
        assert "violet/card.css" in archive.getnames()
        assert not any(".data" in name for name in archive.getnames())


def test_equal_packages_make_equal_archives(wheel: Path, target: Path) -> None:
    for name in ("first", "second"):
        packages.pack([wheel], target / name)
    assert (target / "first").read_bytes() == (target / "second").read_bytes()
