"""Waiting for a state of the database, bounded."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

BOUND_SECONDS = 30
BETWEEN_SECONDS = 0.005


def until(look: Callable[[], Found], what: str) -> Found:
    """What ``look`` finds as soon as it finds something; fails when that takes too long."""
    deadline = time.monotonic() + BOUND_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {BOUND_SECONDS} s in vain until {what}"
        time.sleep(BETWEEN_SECONDS)
    return found
