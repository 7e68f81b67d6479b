"""Progress on stderr: a live line for each part of the work on a terminal, now and then a plain
line in a log."""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from tenant_migrations.cli.durations import in_words
from tenant_migrations.cli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID
    from rich.text import Text

PLAIN_INTERVAL_SECONDS = 5.0
"""How often a log gets a line; work that is through before that says nothing."""
RATE_AFTER_SECONDS = 1.0
"""Before that a rate would be a guess."""


class ProgressReporter:
    """Shows how far a long work is: how much of each part is done, how fast, and how long it takes.

    Called with the name of a part, how much of it is done and how much there is, as often as it
    likes; used as a context manager. From any thread.
    """

    def __init__(
        self,
        *,
        wanted: bool = True,
        no_color: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = wanted
        self._clock = clock
        self._bar: Progress | None = None
        self._part = _Part("", 0, 0.0)
        if wanted and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
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
            self._live(self._bar, what, done, total)
        elif self._wanted:
            self._line(what, done, total)

    def _live(self, bar: "Progress", what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = bar.add_task(printable(what), total=total)
        elif done < self._part.done:  # The same once more, such as reading again afterwards.
            bar.reset(self._tasks[what], total=total)
        bar.update(self._tasks[what], completed=done, total=total)
        self._part = _Part(what, done, 0.0)

    def _line(self, what: str, done: int, total: int) -> None:
        now = self._clock()
        part = self._part
        if what != part.what or done < part.done:
            self._part = _Part(what, done, now)
            return
        part.done = done
        ended = done >= total and part.told >= 0 and part.told < done
        if ended or now - part.last_line >= PLAIN_INTERVAL_SECONDS:
            part.told, part.last_line = done, now
            print(part.line(total, now), file=sys.stderr, flush=True)


class _Part:
    """One part of the work, from when it was first heard of."""

    def __init__(self, what: str, done: int, now: float) -> None:
        self.what = what
        self.done = self.done_before = done
        self.started = self.last_line = now
        self.told = -1
        """How much was done when that was last said."""

    def line(self, total: int, now: float) -> str:
        """Such as ``healing: 120 of 500, 14.2/s, 27 s left``."""
        text = f"{printable(self.what)}: {self.done} of {total}"
        elapsed = now - self.started
        if self.done >= total:
            return f"{text} in {in_words(elapsed)}"
        return text + pace(self.done - self.done_before, total - self.done, elapsed)


def pace(done: int, left: int, elapsed: float) -> str:
    """``, 14.2/s, 27 s left``; empty while there is nothing to go by."""
    if done <= 0 or elapsed < RATE_AFTER_SECONDS:
        return ""
    rate = done / elapsed
    return f", {rate:.3g}/s, {in_words(left / rate)} left"


def _bar(no_color: bool) -> "Progress":
    # Imported where a terminal is: a start from cron is 14 ms quicker without.
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class PaceColumn(progress.ProgressColumn):
        """The rate and the time left, or the time that it took."""

        def render(self, task: "Task") -> "Text":
            elapsed = task.finished_time if task.finished else task.elapsed
            if task.finished:
                return Text(f"in {in_words(elapsed or 0)}", style="progress.elapsed")
            left = int((task.total or 0) - task.completed)
            said = pace(int(task.completed), left, elapsed or 0)
            return Text(said.removeprefix(", "), style="progress.remaining")

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        PaceColumn(),
        console=Console(stderr=True, no_color=no_color or None),
        transient=True,
    )
