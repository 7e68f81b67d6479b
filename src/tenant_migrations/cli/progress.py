"""Progress on stderr: a bar on a terminal, a plain line every few seconds in a log."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_INTERVAL_SECONDS = 5.0
"""How often a log gets a line; work that is through before that says nothing."""


class ProgressReporter:
    """Shows how far a long work is. Called from any thread; used as a context manager."""

    def __init__(self, *, wanted: bool = True, no_color: bool = False) -> None:
        self._wanted = wanted
        self._bar: Progress | None = None
        self._what = ""
        self._last_line = 0.0
        if wanted and sys.stderr.isatty():
            self._bar = _bar(no_color)
            self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "ProgressReporter":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=total)
            self._bar.update(self._tasks[what], completed=done, total=total)
        elif self._wanted:
            self._line(what, done, total)

    def _line(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self._what, self._last_line = what, time.monotonic()
        elif time.monotonic() - self._last_line >= PLAIN_INTERVAL_SECONDS:
            self._last_line = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)


def _bar(no_color: bool) -> "Progress":
    # Imported where a terminal is: a start from cron is 14 ms quicker without.
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True, no_color=no_color or None),
        transient=True,
    )
