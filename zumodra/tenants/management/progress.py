import sys
import time

PLAIN_INTERVAL = 10.0
"""Seconds between two lines where the output is no terminal."""


class Progress:
    """Counts what is done, with its rate: a moving line on a terminal, else one now and then."""

    def __init__(self, what: str, total: int) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self._started = self._shown = time.monotonic()

    def __call__(self, name: str) -> None:
        """Count one more, called `name`."""
        self.done += 1
        now = time.monotonic()
        last = self.done == self.total
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self._line(now)}, {name}" + ("\n" if last else ""))
            sys.stderr.flush()
        elif last or now - self._shown >= PLAIN_INTERVAL:
            sys.stderr.write(self._line(now) + "\n")
            sys.stderr.flush()
            self._shown = now

    def _line(self, now: float) -> str:
        rate = self.done / max(now - self._started, 0.001)
        left = (self.total - self.done) / rate
        line = f"{self.what}: {self.done} of {self.total}, {rate:.1f} a second"
        return f"{line}, {left:.0f} s left" if self.done < self.total else line
