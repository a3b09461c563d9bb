"""Archives of Python modules with their bytecode, so that a browser needn't compile what it imports.

`bytecode.mjs` imports this in the site's own Pyodide: bytecode is good only for the Python that wrote it.
"""

from __future__ import annotations

import importlib.util
import marshal
import re
import sys
import sysconfig
import warnings
import zipfile
from pathlib import Path

UNCHECKED = (0b01).to_bytes(4, "little")
"""Python isn't to compare this bytecode with its source (PEP 552)."""
LEFT_OUT = re.compile(
    # Stubs of packages that aren't here, some 4,800 files; and the packages' own tests.
    r"jedi/third_party/(django-stubs|typeshed/stubs)/|[^/]+/(.+/)?tests?/"
)
LEFT_AS_IT_IS = re.compile(
    # Highlighters of other languages: the most code, and the least used.
    r"pygments/lexers/(?!__init__|_mapping|python)"
)


def compile_archives(sources: str, target: str, *, keep_sources: bool) -> None:
    """Write each archive of a folder into another, with bytecode for its modules.

    Args:
        sources: The folder of wheels, and of the standard library as a ``.zip``.
        target: The folder to write to.
        keep_sources: Whether modules keep their sources, for tracebacks and ``?``.
    """
    for path in sorted(Path(sources).iterdir()):
        if path.suffix in {".whl", ".zip"}:
            compile_archive(path, Path(target) / path.name, keep_sources=keep_sources)


def compile_archive(source: Path, target: Path, *, keep_sources: bool) -> None:
    """Write an archive with bytecode for its modules.

    Args:
        source: The archive.
        target: Where to write it.
        keep_sources: Whether modules keep their sources.
    """
    folder = _folder_of(source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            name = entry.filename
            if entry.is_dir() or LEFT_OUT.match(name):
                continue
            content = old.read(entry)
            compiled = _bytecode(content, folder, name)
            if compiled is None or keep_sources:
                new.writestr(entry, content)
            if compiled is not None:
                new.writestr(_compiled_name(name, keep_sources=keep_sources), compiled)


def _folder_of(archive: Path) -> Path:
    """Return where Python finds what is in an archive: in the archive itself, or in ``site-packages``."""
    if archive.suffix == ".zip":
        return next((Path(path) for path in sys.path if path.endswith(".zip")), archive)
    return Path(sysconfig.get_path("purelib"))


def _bytecode(source: bytes, folder: Path, name: str) -> bytes | None:
    if not name.endswith(".py") or LEFT_AS_IT_IS.match(name):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            code = compile(source, str(folder / name), "exec", dont_inherit=True)
        except SyntaxError:  # a template, or code for an older Python
            return None
    header = importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def _compiled_name(name: str, *, keep_sources: bool) -> str:
    # Without its source, bytecode is found only where the source was.
    return importlib.util.cache_from_source(name) if keep_sources else f"{name}c"
