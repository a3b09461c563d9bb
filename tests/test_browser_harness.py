"""The front ends the browser tests stand on: a cell runs, and what it shows is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.jupyter import FrontEnd


def test_a_cell_runs_and_its_output_is_read(front_end: FrontEnd) -> None:
    notebook = front_end.open(["print(6 * 7)", "'a value'"])
    notebook.run_all()
    assert notebook.text(0) == "42"
    assert notebook.text(1) == "'a value'"
    notebook.wait_idle()
    assert notebook.console_errors == []


def test_each_notebook_has_a_kernel_with_an_environment_of_its_own(lab: FrontEnd) -> None:
    ask = "import os; print(os.environ.get('EVOLINK_BASE_URL'), os.getpid())"
    told = lab.open([ask], environment={"EVOLINK_BASE_URL": "http://127.0.0.1:9"})
    told.run(0)
    untold = lab.open([ask])
    untold.run(0)
    first_url, first_process = told.text(0).split()
    second_url, second_process = untold.text(0).split()
    assert (first_url, second_url) == ("http://127.0.0.1:9", "None")
    assert first_process != second_process


def test_a_running_cell_is_seen_to_run_until_it_is_interrupted(front_end: FrontEnd) -> None:
    notebook = front_end.open(["import time; time.sleep(600)"])
    notebook.run(0, wait=False)
    notebook.wait_running(0)
    assert notebook.execution_running(0)
    notebook.interrupt()
    notebook.wait_done(0)
    notebook.wait_idle()
    assert not notebook.execution_running(0)
    assert "KeyboardInterrupt" in notebook.text(0)


def test_an_error_stops_run_all(front_end: FrontEnd) -> None:
    notebook = front_end.open(["1 / 0", "print('reached')"])
    notebook.run_all()
    assert "ZeroDivisionError" in notebook.text(0)
    assert notebook.text(1) == ""


def test_an_output_out_of_the_window_is_still_drawn(lab: FrontEnd) -> None:
    notebook = lab.open(["print('the start')", *["print('line\\n' * 60)"] * 20])
    notebook.run_all()
    expect(notebook.output(0)).not_to_be_in_viewport()
    assert notebook.text(0) == "the start"
    assert notebook.output(0).evaluate("output => output.checkVisibility({contentVisibilityAuto: true})")


def test_the_theme_is_switched_and_a_picture_kept(front_end: FrontEnd) -> None:
    notebook = front_end.open(["print('seen')"])
    notebook.run(0)
    background = "() => getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"
    notebook.set_theme("dark")
    dark = notebook.page.evaluate(background)
    picture = notebook.screenshot(f"harness-{front_end.name}-dark")
    notebook.set_theme("light")
    assert notebook.page.evaluate(background) != dark
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_page_complains_where_a_test_can_see_it(lab: FrontEnd) -> None:
    notebook = lab.open(["from IPython.display import Javascript; Javascript('console.error(\"ouch\")')"])
    with notebook.page.expect_console_message(lambda message: message.type == "error"):
        notebook.run(0)
    assert any("ouch" in error for error in notebook.console_errors)


def test_what_was_saved_is_read_from_the_file(lab: FrontEnd) -> None:
    notebook = lab.open(["print('kept')"])
    notebook.run(0)
    saved = notebook.save()
    assert saved["cells"][0]["outputs"][0]["text"] == ["kept\n"]
