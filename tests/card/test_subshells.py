"""A widget's messages are handled beside a running cell, wherever ipykernel lets them be."""

from __future__ import annotations

from evolink_nb.card.subshells import answer_beside_running_cells


def test_the_front_ends_choice_stands() -> None:
    class Comm:
        def _reply_subshell_for(self, data: object, default: object) -> object:
            raise AssertionError(f"asked about {data}, {default}")

    comm = Comm()
    answer_beside_running_cells(comm)
    assert comm._reply_subshell_for({"method": "custom"}, "a subshell") == "a subshell"


def test_other_comms_are_left_alone() -> None:
    class Older:
        pass

    class Newer:
        def _reply_subshell_for(self, message: object) -> object:
            return message

    class Odd:
        _reply_subshell_for = 3

    for comm in (Older(), Newer(), Odd(), None):
        before = None if comm is None else dict(vars(comm))
        answer_beside_running_cells(comm)
        assert (None if comm is None else vars(comm)) == before
