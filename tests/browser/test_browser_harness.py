"""The front ends the browser tests stand on: a cell runs, and what it shows is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.jupyter import ENDLESS

if TYPE_CHECKING:
    from tests.support.jupyter import FrontEnd


def test_cells_run_are_interrupted_and_saved(front_end: FrontEnd) -> None:
    notebook = front_end.open(["print(6 * 7)", "'a value'", "1 / 0", ENDLESS])
    for index in range(3):
        notebook.run(index)
    assert notebook.text(0) == "42"
    assert notebook.text(1) == "'a value'"
    assert "ZeroDivisionError" in notebook.text(2)

    notebook.begin(3)
    assert notebook.execution_running(3)
    notebook.interrupt()
    notebook.wait_done(3)
    notebook.wait_idle()
    assert not notebook.execution_running(3)
    assert "KeyboardInterrupt" in notebook.text(3)

    assert notebook.save()["cells"][0]["outputs"][0]["text"] == ["42\n"]
    assert notebook.console_errors == []
    background = "() => getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"
    notebook.set_theme("dark")
    dark = notebook.page.evaluate(background)
    picture = notebook.screenshot(f"harness-{front_end.name}-dark")
    notebook.set_theme("light")
    assert notebook.page.evaluate(background) != dark
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_each_notebook_has_its_own_kernel(lab: FrontEnd) -> None:
    """Each also with an environment of its own."""
    ask = "import os; print(os.environ.get('EVOLINK_BASE_URL'), os.getpid())"
    told = lab.open([ask], environment={"EVOLINK_BASE_URL": "http://127.0.0.1:9"})
    told.run(0)
    untold = lab.open([ask])
    untold.run(0)
    first_url, first_process = told.text(0).split()
    second_url, second_process = untold.text(0).split()
    assert (first_url, second_url) == ("http://127.0.0.1:9", "None")
    assert first_process != second_process


def test_outputs_out_of_view_are_drawn(
    lab: FrontEnd,
) -> None:
    """And errors on the page's console are seen."""
    ouch = "from IPython.display import Javascript; Javascript('console.error(\"ouch\")')"
    notebook = lab.open(["print('the start')", *["print('line\\n' * 60)"] * 20, ouch])
    with notebook.page.expect_console_message(lambda message: message.type == "error"):
        notebook.run_all()
    assert any("ouch" in error for error in notebook.console_errors)
    expect(notebook.output(0)).not_to_be_in_viewport()
    assert notebook.text(0) == "the start"
    assert notebook.output(0).evaluate("output => output.checkVisibility({contentVisibilityAuto: true})")
