"""Trying again: how often, and how long to wait before."""

import random
import time
from collections.abc import Iterator

FIRST_WAIT_SECONDS = 0.25


def attempts(most: int) -> Iterator[int]:
    """Numbers of the attempts, from 1, with a growing and jittered wait before all but the first.

    The jitter keeps two runs that met once from meeting again and again.
    """
    for attempt in range(1, most + 1):
        if attempt > 1:
            time.sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 2) * random.uniform(0.5, 1.5))  # noqa: S311
        yield attempt
