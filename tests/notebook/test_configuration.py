"""What can be configured, by ``ipython_config.py``, ``%config`` and the environment; which of them wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from evolink_nb.api import settings as api_settings
from evolink_nb.errors import HistoryError
from evolink_nb.history.current import current
from evolink_nb.history.storage.location import Kind
from evolink_nb.history.storage.retention import KEEP_READINGS, Retention
from evolink_nb.notebook.configured.configuration import EvoLinkSettings, settings, variable_of
from evolink_nb.polling.subscriptions import MIN_INTERVAL
from tests.support.shell import Shell, open_shell

if TYPE_CHECKING:
    from pathlib import Path

    from evolink_nb.demo import DemoServer

WRITTEN: dict[str, tuple[str, object]] = {
    "budget": ("50/day", "50/day"),
    "credits_per_dollar": ("67", 67.0),
    "critical_below": ("30 min", "30 min"),
    "interval": ("30", 30.0),
    "keep_history": ("400", 400),
    "keep_readings": ("0", 0),
    "quiet": ("2.5", 2.5),
    "settle": ("20", 20.0),
    "timezone": ("Europe/Berlin", "Europe/Berlin"),
    "track": ("on", True),
    "warn_below": ("2h", "2h"),
}
"""What is written in the environment for each setting, and what that sets."""


def value_of(shell: Shell, name: str) -> object:
    return getattr(shell.ip.magics_manager.registry["EvoLinkMagics"], name)


def is_tracking(shell: Shell) -> bool:
    return shell.cells.tracking


def test_the_environment_sets_each(monkeypatch: pytest.MonkeyPatch) -> None:
    # The history's own place is read where it is used.
    assert {*WRITTEN, "history"} == set(settings())
    for name, (text, _) in WRITTEN.items():
        monkeypatch.setenv(variable_of(name), text)
    # As the tests' shells do, whose account is prompt.
    with open_shell() as shell:
        found = {name: value_of(shell, name) for name in WRITTEN if name != "quiet"}
        assert found == {name: value for name, (_, value) in WRITTEN.items() if name != "quiet"}


def test_the_configuration_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLINK_NB_INTERVAL", "30")
    monkeypatch.setenv("EVOLINK_NB_SETTLE", "30")
    with open_shell({"interval": 60}) as shell:
        assert (value_of(shell, "interval"), value_of(shell, "settle")) == (60.0, 30.0)
        # %config prints all that can be set.
        shown = shell.run("%config EvoLinkMagics").out
        assert [name for name in settings() if f"EvoLinkMagics.{name}=" not in shown] == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("interval", "soon", "'soon' is not a number."),
        ("interval", "0", "should not be less than 0.1"),
        ("interval", "nan", "interval must be a finite number, not nan."),
        ("keep_history", "1.5", "'1.5' is not a whole number."),
        ("keep_history", "-1", "should not be less than 0"),
        ("track", "perhaps", "'perhaps' is neither on nor off."),
        ("warn_below", "x", "'x' is not a limit: write 50 or 2h"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, text: str, problem: str
) -> None:
    monkeypatch.setenv(variable_of(name), text)
    with open_shell() as shell:
        assert value_of(shell, name) == getattr(EvoLinkSettings(), name)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{variable_of(name)} is not used: ")
    assert problem in line


def test_an_unknown_name_is_said() -> None:
    with (
        pytest.warns(UserWarning, match="`intervall` not recognized by `EvoLinkMagics`.*`interval`"),
        open_shell({"intervall": 30}),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("interval", 0.01),
        ("interval", float("inf")),
        ("quiet", float("nan")),
        ("credits_per_dollar", 0),
        ("credits_per_dollar", float("inf")),
        ("warn_below", "soon"),
        ("critical_below", "soon"),
        ("history", "mysql://host/database"),
        ("keep_history", -1),
    ],
)
def test_what_is_senseless_is_refused(name: str, value: object) -> None:
    configured = EvoLinkSettings()
    before = getattr(configured, name)
    with pytest.raises(TraitError):
        setattr(configured, name, value)
    assert getattr(configured, name) == before


def test_numbers_keep_their_digits() -> None:
    configured = EvoLinkSettings(warn_below=1_234_567.0, budget=12_345_678.5)
    assert (configured.warn_below, configured.budget) == ("1234567", "12345678.5")


def test_defaults_are_those_documented() -> None:
    configured = EvoLinkSettings()
    assert configured.interval == api_settings.INTERVAL
    assert EvoLinkSettings.interval.min == MIN_INTERVAL
    assert f"({KEEP_READINGS})" in EvoLinkSettings.keep_readings.help


# -- the history --------------------------------------------------------------------------------------------


def test_the_history_is_kept_there(tmp_path: Path) -> None:
    """Also before any magic is used, until the extension is unloaded."""
    place = tmp_path / "class.db"
    with open_shell({"history": str(place), "keep_readings": 7, "keep_history": 30}) as shell:
        assert current.location.path == place
        assert current.retention == Retention(7, 30)
        shell.run("%config EvoLinkMagics.history = 'off'")
        shell.run("%config EvoLinkMagics.keep_history = 0")
        assert current.location.kind is Kind.OFF
        assert current.retention == Retention(7, None)
        shell.run(f"%config EvoLinkMagics.history = {str(place)!r}")
    assert current.location.kind is Kind.OFF  # as the environment of the tests says
    assert current.retention == Retention()


def test_what_turned_it_off_is_named() -> None:
    with (
        open_shell({"history": "off"}),
        pytest.raises(HistoryError, match=r"c\.EvoLinkMagics\.history is off"),
    ):
        current.required_writer()
    with pytest.raises(HistoryError, match="EVOLINK_NB_HISTORY is off"):
        current.required_writer()


def test_a_database_is_told_how_long(tmp_path: Path) -> None:
    with open_shell({"history": str(tmp_path / "class.db")}) as shell:
        store = current.required_writer().store()
        assert store.retention() == Retention()
        shell.run("%config EvoLinkMagics.keep_readings = 3")
        assert store.retention() == Retention(every_reading=3)


def test_no_password_is_shown() -> None:
    url = "postgresql://lead:s3cret@host/database"
    with open_shell({"history": url}) as shell:
        assert current.location.url == "postgresql+psycopg://lead:s3cret@host/database"
        shown = shell.run("%config EvoLinkMagics\n%config EvoLinkMagics.history")
        assert "@host/database" in shown.out
        assert "s3cret" not in shown.out + shown.err + repr(shown.value)


def test_variables_say_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the commands too; one that can't be understood deletes nothing."""
    monkeypatch.setenv("EVOLINK_NB_KEEP_READINGS", "5")
    monkeypatch.setenv("EVOLINK_NB_KEEP_HISTORY", "a year")
    assert current.retention == Retention(5, None)


# -- tracking -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("simulated_account")
def test_tracking_begins_with_a_cell() -> None:
    with open_shell({"track": True}) as shell:
        shell.run("6 * 7")
        assert is_tracking(shell)
        shell.run("%evolink_track off")
        shell.run("6 * 7")
        assert not is_tracking(shell)


def test_tracking_waits_for_a_key(simulated_account: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without, open_shell({"track": True}) as shell:
        without.delenv("EVOLINK_API_KEY")
        assert "Cells are not tracked yet, as configured: " in shell.run("6 * 7").err
        assert shell.run("6 * 7").err == ""
        without.setenv("EVOLINK_API_KEY", simulated_account.key)
        shell.run("6 * 7")
        assert is_tracking(shell)
        shell.run("%config EvoLinkMagics.track = False")
        assert not is_tracking(shell)
        shell.run("%config EvoLinkMagics.track = True")
        shell.run("6 * 7")
        assert is_tracking(shell)


def test_nothing_is_read_until_a_cell_runs(simulated_account: DemoServer) -> None:
    with open_shell({"track": True, "interval": 30, "warn_below": 5}):
        assert simulated_account.requests_seen == {}


# -- cards --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("simulated_account")
def test_a_card_shows_what_is_configured() -> None:
    with open_shell({"credits_per_dollar": 10}) as shell:
        assert "$" in shell.bundle(shell.run("%evolink_credits").value)["text/plain"]
        value = shell.run("%evolink_credits --credits-per-dollar 100").value
        typed = shell.bundle(value)["text/plain"]
        shell.run("%config EvoLinkMagics.credits_per_dollar = 20")
        assert shell.bundle(value)["text/plain"] == typed
        assert shell.bundle(shell.run("%evolink_credits").value)["text/plain"] != typed


@pytest.mark.usefixtures("simulated_account")
def test_a_card_warns_as_configured() -> None:
    """Below either limit; what is typed counts in place of it."""
    with open_shell({"warn_below": 2000}) as shell:
        assert level_on(shell, "%evolink_credits") == "low"
        shell.run("%config EvoLinkMagics.critical_below = 1500")
        assert level_on(shell, "%evolink_credits") == "critical"
        assert level_on(shell, "%evolink_credits --critical-below 100") == "low"


def level_on(shell: Shell, line: str) -> str:
    """The level that a card in a terminal ends with."""
    return shell.bundle(shell.run(line).value)["text/plain"].splitlines()[-1].strip()
