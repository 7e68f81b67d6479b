"""The crew: threads that take tasks from one queue, each with a connection of its own.

Whoever is free takes the next task, so that one large tenant holds up nobody. A backend remembers
every table that it has ever used (its relation cache only grows), so connections are replaced
after ``RECYCLE_AFTER`` migrations.
"""

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from typing import Any

import psycopg

from tenant_migrations.database import tenant_connection
from tenant_migrations.rollout.failures import Failure
from tenant_migrations.rollout.planning import Task

RECYCLE_AFTER = 1000
"""Migrations and repairs that one connection makes, in whichever tenants."""

LOOK_EVERY_SECONDS = 0.1
"""How soon the main thread notices what does not wake it: success."""

Work = Callable[[Task], Failure | None]
Ended = Callable[[Task, Failure | None], str]


class Stop:
    """Whether the run has to end, and why. The first reason stays."""

    def __init__(self) -> None:
        self.reason = ""
        self.by_signal = False

    def because(self, reason: str) -> None:
        self.reason = self.reason or reason

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the run after the tenants in hand; a second one at once.

        Signals reach the main thread only (Python documentation, ``signal``): elsewhere this does
        nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            if self.by_signal:
                raise KeyboardInterrupt
            self.by_signal = True
            self.because(f"stopped by {signal.Signals(number).name}")

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Crew:
    """Does tasks in up to ``jobs`` threads; with one job, in the calling thread."""

    def __init__(self, jobs: int, stop: Stop, work: Work, ended: Ended) -> None:
        self._jobs = jobs
        self._stop = stop
        self._work = work
        self._ended = ended
        self._served = threading.local()
        self._connections: set[Any] = set()

    def do(self, tasks: Iterable[Task]) -> None:
        """All of them, or as many as are begun before the run has to stop.

        ``ended`` is called in the calling thread with each result, and answers why the run must
        stop, or nothing. What ``work`` raises is raised here, after the other threads are through
        with what they have in hand.
        """
        waiting = deque(tasks)
        if self._jobs == 1 or len(waiting) < 2:
            while waiting and not self._stop.reason:
                task = waiting.popleft()
                self._stop.because(self._ended(task, self._serve(task)))
            return
        results = _Results()
        threads = [
            threading.Thread(target=copy_context().run, args=(self._take, waiting, results))
            for _ in range(min(self._jobs, len(waiting)))
        ]
        for thread in threads:
            thread.start()
        try:
            self._collect(len(threads), results)
        except BaseException:
            self._stop.because("interrupted")
            self._cancel()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _collect(self, threads: int, results: "_Results") -> None:
        """Results as they come, until every thread has ended and none is left."""
        while True:
            ended = results.ended == threads
            for result in results.wait(LOOK_EVERY_SECONDS if not ended else 0):
                if isinstance(result, BaseException):
                    raise result
                self._stop.because(self._ended(*result))
            if ended:
                return

    def _take(self, waiting: deque[Task], results: "_Results") -> None:
        """One thread: tasks until there are none, or the run has to stop."""
        try:
            while not self._stop.reason:
                try:
                    task = waiting.popleft()
                except IndexError:
                    return
                results.add((task, self._serve(task)))
        except BaseException as error:
            self._stop.because("interrupted")
            results.add(error)
        finally:
            try:
                connection = tenant_connection()
                self._connections.discard(connection)
                connection.close()
            finally:
                results.end()

    def _serve(self, task: Task) -> Failure | None:
        connection = tenant_connection()
        self._connections.add(connection)
        failure = self._work(task)
        made = getattr(self._served, "made", 0) + 1 + len(task.pending) + len(task.remedies)
        self._served.made = made % RECYCLE_AFTER
        if made >= RECYCLE_AFTER:
            connection.close()
        return failure

    def _cancel(self) -> None:
        """End the statements that the threads are waiting for."""
        for connection in list(self._connections):
            raw = connection.connection
            if raw is not None:
                with suppress(psycopg.Error):
                    raw.cancel_safe(timeout=5.0)


class _Results:
    """Results from threads for the main one, which is waked for what can't wait.

    Success can: were the main thread waked for each of hundreds in a second, it would take from the
    threads the one lock that lets Python run.
    """

    def __init__(self) -> None:
        self.ended = 0
        """Threads that add nothing any more."""
        self._waiting: deque[tuple[Task, Failure | None] | BaseException] = deque()
        self._urgent = threading.Event()
        self._counting = threading.Lock()

    def add(self, result: tuple[Task, Failure | None] | BaseException) -> None:
        self._waiting.append(result)
        if isinstance(result, BaseException) or result[1]:
            self._urgent.set()

    def end(self) -> None:
        """A thread is through."""
        with self._counting:
            self.ended += 1
        self._urgent.set()

    def wait(self, timeout: float) -> Iterator[tuple[Task, Failure | None] | BaseException]:
        """What there is as soon as something can't wait, or after so many seconds."""
        self._urgent.wait(timeout)
        self._urgent.clear()
        while self._waiting:
            yield self._waiting.popleft()
