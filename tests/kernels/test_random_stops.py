"""A few stops at random moments; ``python -m tests.kernels.random_stops`` makes hundreds."""

from __future__ import annotations

from tests.kernels.random_stops import WORK, attempts, failures


def test_stops_at_random_moments_are_clean() -> None:
    assert failures(attempts(len(WORK) + 3, seed=7)) == []
