"""The same as ``rollout.py`` without peers, on thousands of tenants with few relations."""

from collections.abc import Sequence
from typing import Any

from benchmarks import fleet, rollout
from benchmarks.rollout import Say, render, targets_met
from benchmarks.server import Server

__all__ = ["measure", "render", "targets_met"]


def measure(server: Server, sizes: Sequence[int], rounds: int, say: Say) -> dict[str, Any]:
    """All figures of one run. Raises ``CommandFailed`` where a contender does not do its work."""
    return rollout.measure(server, sizes, rounds, [], say, fleet.SMALL)
