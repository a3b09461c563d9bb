"""A page of the documentation, its code run as readers would: cells in one kernel, commands in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat

from docs import build
from evolink_nb.api import settings
from tests.support.environment import isolated_environment
from tests.support.notebooks import Job, error_of, run_notebooks, text_of

from .blocks import SHELL, Block, Command, blocks_of, commands_of
from .commands import is_run

README = build.ROOT / "README.md"


@dataclass
class Page:
    """One page.

    Attributes:
        path: Its file.
        printed: What came of each block with code, by the place of the block.
        failed: The blocks that ended in an error.
    """

    path: Path
    printed: dict[int, str] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.path.relative_to(build.ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return list(blocks_of(self.text))

    @property
    def cells(self) -> list[Block]:
        return [block for block in self.blocks if block.is_cell]

    def output_of(self, block: Block) -> Block | None:
        """The block below that shows what this one prints; None if there is none."""
        below = self.blocks[self.blocks.index(block) + 1 :][:1]
        return below[0] if below and below[0].is_output and below[0].follows else None

    def job(self, home: Path) -> Job:
        """Its cells as a notebook."""
        cells = [nbformat.v4.new_code_cell(block.text.rstrip("\n")) for block in self.cells]
        notebook = nbformat.v4.new_notebook(cells=cells)
        return Job(notebook, self.environment(home), home, {"allow_errors": True})

    def take(self, notebook: Any) -> None:
        """Take over what the cells brought."""
        for block, cell in zip(self.cells, notebook.cells, strict=True):
            self.printed[block.start] = text_of(cell)
            if error_of(cell) is not None:
                self.failed.add(block.start)

    def write_files(self, folder: Path) -> None:
        """Write the files that it shows."""
        for block in self.blocks:
            if block.is_file:
                path = folder / block.caption
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")

    def run_commands(self, folder: Path) -> None:
        """Run its commands, those of a block in one shell."""
        for block in self.blocks:
            if block.language == SHELL:
                printed, failed = run_block(commands_of(block), folder, self.environment(folder))
                self.printed[block.start] = printed
                self.failed |= {block.start} if failed else set()

    def environment(self, home: Path) -> dict[str, str]:
        """A reader's environment, with this package installed and the simulated account for a real one."""
        scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        ours = {settings.DEMO_VARIABLE: "1", "PATH": scripts, "PYTHONPATH": str(build.ROOT), "TERM": "dumb"}
        return isolated_environment(home) | ours


def pages() -> list[Page]:
    """Every page, README first."""
    return [Page(README), *(Page(path) for path in build.pages())]


def run_pages(found: list[Page], folder: Path) -> None:
    """Run the code of pages at the same time, each in a folder of its own."""
    jobs = []
    for page in found:
        home = folder / page.name
        home.mkdir(parents=True)
        page.write_files(home)
        if page.cells:
            jobs.append((page, page.job(home)))
    with ThreadPoolExecutor() as pool:
        commands = [pool.submit(page.run_commands, folder / page.name) for page in found]
        run_notebooks([job for _, job in jobs])
        for done in commands:
            done.result()
    for page, job in jobs:
        page.take(job.notebook)


_END = "--- a command ended with"


def run_block(commands: list[Command], folder: Path, environment: dict[str, str]) -> tuple[str, list[str]]:
    """Run commands one after the other in one shell; those that are not to be run stand for themselves.

    Returns:
        The block as it should be, each command with what it printed below it, and the commands that failed.
    """
    # `$?` is the command's own again after what marks its end.
    script = "".join(
        f"{command.line if is_run(command) else ':'}\ncode=$?; echo '{_END}' $code; (exit $code)\n"
        for command in commands
    )
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        check=False,
    )
    ended = re.findall(rf"(.*?){_END} (\d+)\n", done.stdout.decode(), re.DOTALL)
    assert len(ended) == len(commands), done.stdout
    shown = "".join(
        f"$ {command.line}\n{_as_on_screen(text) if is_run(command) else command.output}"
        for command, (text, _) in zip(commands, ended, strict=True)
    )
    return shown, [command.line for command, (_, code) in zip(commands, ended, strict=True) if code != "0"]


def _as_on_screen(printed: str) -> str:
    """What a terminal shows in the end: a bar is drawn over itself. ipykernel's own warnings are left out."""
    lines = re.sub(r"[^\n]*\r", "", printed).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines if line and not line.startswith("[IPKernelApp]"))
