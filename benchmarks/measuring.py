"""Whole processes, measured from outside: what a user waits for."""

import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.server import CHECKOUT, Server

LOOK_EVERY_SECONDS = 0.25


class CommandFailed(Exception):
    """A contender did not do its work, so that its time says nothing."""


@dataclass(frozen=True)
class Run:
    """One process from start to end."""

    seconds: float
    """Wall clock."""
    cpu_seconds: float
    """CPU time of the process and its children; the server's is not in it."""
    server_cpu_seconds: float | None
    """CPU time of the server's backends meanwhile; ``None`` where the system does not tell."""
    peak_megabytes: float
    """Largest resident set of the process or any one of its children."""
    backend_megabytes: float
    """Most private memory that was seen of one of the server's backends; 0 where none was seen."""
    load: float
    """Load average of the last minute, at the end."""
    last_line: str = ""
    """Of what it printed."""
    work_ms: float | None = None
    """What one of its units of work took, where that can be told apart from the rest."""


def run(command: Sequence[str], environment: Mapping[str, str], server: Server) -> Run:
    """Run the command once in the root of the checkout.

    Raises ``CommandFailed`` with the last line of its output unless it exits with 0.
    """
    before = server.cpu_seconds()
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        with watching(server) as seen:
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        last = (output.read().decode(errors="replace").strip().splitlines() or ["no output"])[-1]
        if child.returncode:
            raise CommandFailed(f"{' '.join(command[1:])} exited with {child.returncode}: {last}")
    after = server.cpu_seconds()
    return Run(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        server_cpu_seconds=None if before is None or after is None else after - before,
        peak_megabytes=usage.ru_maxrss / 1024,
        backend_megabytes=max(seen),
        load=os.getloadavg()[0],
        last_line=last,
    )


@contextmanager
def watching(server: Server) -> Iterator[list[float]]:
    """Look meanwhile, in a thread, at the memory of the server's largest backend."""
    seen, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_SECONDS):
            seen.append(server.largest_backend())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@dataclass(frozen=True)
class Sample:
    """All runs of one contender."""

    runs: tuple[Run, ...]

    @property
    def median(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def least(self) -> float:
        return min(run.seconds for run in self.runs)

    @property
    def most(self) -> float:
        return max(run.seconds for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median of the CPU time of the process itself."""
        return statistics.median(run.cpu_seconds for run in self.runs)

    @property
    def server_cpu(self) -> float | None:
        """Median of the CPU time of the server's backends."""
        known = [run.server_cpu_seconds for run in self.runs if run.server_cpu_seconds is not None]
        return statistics.median(known) if known else None

    @property
    def work_ms(self) -> float | None:
        """Median of what one unit of work took."""
        known = [run.work_ms for run in self.runs if run.work_ms is not None]
        return statistics.median(known) if known else None

    @property
    def peak_megabytes(self) -> float:
        return max(run.peak_megabytes for run in self.runs)

    @property
    def backend_megabytes(self) -> float:
        return max(run.backend_megabytes for run in self.runs)

    @property
    def load(self) -> float:
        """Median load average of the machine at its runs."""
        return statistics.median(run.load for run in self.runs)

    def as_json(self) -> dict[str, Any]:
        return {
            "median_seconds": round(self.median, 3),
            "min_seconds": round(self.least, 3),
            "max_seconds": round(self.most, 3),
            "median_cpu_seconds": round(self.cpu, 3),
            "median_server_cpu_seconds": self.server_cpu and round(self.server_cpu, 3),
            "work_milliseconds": self.work_ms and round(self.work_ms, 3),
            "peak_megabytes": round(self.peak_megabytes, 1),
            "backend_megabytes": round(self.backend_megabytes, 1),
            "median_load": round(self.load, 2),
            "runs_seconds": [round(run.seconds, 3) for run in self.runs],
        }
