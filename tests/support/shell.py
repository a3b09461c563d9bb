"""A real IPython shell inside the test's own process, and what its cells show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config


@dataclass(frozen=True)
class Shown:
    """What a cell showed: its value, the texts on both streams, displays in nbformat's shape, its error."""

    value: Any
    out: str
    err: str
    displays: list[dict[str, str]]
    error: BaseException | None


class Shell:
    """An IPython shell with the extension loaded, until `close`."""

    def __init__(self) -> None:
        # The history would be a file and a thread that writes it.
        self.ip = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        self.ip.run_line_magic("load_ext", "evolink_nb")

    def run(self, source: str) -> Shown:
        """Run a cell, its error not raised."""
        with capture_output() as captured:
            result = self.ip.run_cell(source)
        displays = [dict(output.data) for output in captured.outputs]
        error = result.error_before_exec or result.error_in_exec
        return Shown(result.result, captured.stdout, captured.stderr, displays, error)

    def bundle(self, value: object) -> dict[str, str]:
        """What a front end is given to show a value with, by media type."""
        assert self.ip.display_formatter is not None
        data, _metadata = self.ip.display_formatter.format(value)
        return dict(data)

    def close(self) -> None:
        self.ip.run_line_magic("unload_ext", "evolink_nb")
        self.ip.restore_sys_module_state()
        InteractiveShell.clear_instance()
