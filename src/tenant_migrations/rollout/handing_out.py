"""Handing out: tenants of a wave go to workers in other processes, on other machines.

A tenant is handed out by a mark in its outcome, and a message; results are read from the outcomes.
Where one says ``running`` and nobody holds the worker's lock or the tenant's, the worker died, and
its transaction was rolled back: the tenant is handed out again.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tenant_migrations import conf, locks
from tenant_migrations.database import public_schema, reading, schema_in_use
from tenant_migrations.logs import event
from tenant_migrations.models import TenantOutcome
from tenant_migrations.rollout.crew import Ended
from tenant_migrations.rollout.failures import RETRIED, STOPPING, Consequence, Failure
from tenant_migrations.rollout.planning import Task
from tenant_migrations.rollout.remote import HANDED_OUT, Message, message_of, work_name
from tenant_migrations.rollout.running import Run
from tenant_migrations.vocabulary import OutcomeState

AT_ONCE = 64
"""Tenants that are handed out and not done, at most."""

LOOK_EVERY_SECONDS = 0.1
LOOK_AFTER_EVERY_SECONDS = 1.0
MOST_DEATHS = 3
"""Workers that may die of one tenant before it counts as failed."""

IN_HAND = """
    SELECT objid::bigint FROM pg_locks
     WHERE locktype = 'advisory' AND granted AND objsubid = 2
       AND classid::bigint IN (%s, %s)
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

logger = logging.getLogger("tenant_migrations.rollout")

Send = Callable[[Message, str], None]
"""Sends a message on a tenant; raises ``OSError`` where it can't."""


@dataclass
class HandingOut:
    """Does the tasks of a wave by others' hands, in the place of ``Crew``."""

    run: Run
    ended: Ended
    send: Send
    out: dict[str, Task] = field(default_factory=dict)
    """Tasks that are handed out and of which no end is known."""
    deaths: Counter[str] = field(default_factory=Counter)
    heard_at: float = field(default_factory=time.monotonic)
    """When a worker last took or ended a tenant, by this process's clock."""
    trouble: str = ""
    """Why a message could not be sent, if the last one could not."""
    unsent: set[str] = field(default_factory=set)

    def do(self, tasks: Iterable[Task]) -> None:
        """As ``Crew.do``. Where the run has to stop, what no worker has taken is called back."""
        waiting = deque(tasks)
        self.heard_at, looked = time.monotonic(), 0.0
        try:
            while self.out or (waiting and not self.run.stop.reason):
                if self.run.stop.reason:
                    self._call_back()
                while waiting and len(self.out) < AT_ONCE and not self.run.stop.reason:
                    self._hand_out(waiting.popleft())
                self._collect()
                if time.monotonic() - looked >= LOOK_AFTER_EVERY_SECONDS:
                    looked = time.monotonic()
                    self._look_after()
                if self.out:
                    time.sleep(LOOK_EVERY_SECONDS)
        except BaseException:
            self._call_back()
            raise

    def _rows(self) -> Any:
        """Outcomes of what is handed out."""
        rows = TenantOutcome.objects.filter(rollout=self.run.record.rollout)
        return rows.filter(schema_name__in=list(self.out))

    def _hand_out(self, task: Task) -> None:
        self.out[task.schema_name] = task
        with schema_in_use(public_schema()):
            rows = self._rows().filter(schema_name=task.schema_name)
            rows.update(state=OutcomeState.NOT_ATTEMPTED, message=HANDED_OUT, hint="")
        self._send(task.schema_name)

    def _send(self, name: str) -> None:
        try:
            self.send(message_of(self.run), name)
        except OSError as error:
            self.trouble = f"the broker can't be reached: {type(error).__name__}"
            self.unsent.add(name)
        else:
            self.trouble = ""
            self.unsent.discard(name)

    def _collect(self) -> None:
        """Ends that the workers recorded."""
        open_states = (OutcomeState.NOT_ATTEMPTED, OutcomeState.RUNNING)
        with schema_in_use(public_schema()):
            done = list(self._rows().exclude(state__in=open_states))
        for outcome in done:
            self.heard_at = time.monotonic()
            task = self.out.pop(outcome.schema_name)
            self.run.stop.because(self.ended(task, _failure(outcome)))

    def _call_back(self) -> None:
        """Take the mark away where no worker has taken the tenant: none can any more."""
        with schema_in_use(public_schema()):
            left = self._rows().filter(state=OutcomeState.NOT_ATTEMPTED)
            names = list(left.values_list("schema_name", flat=True))
            left.update(message="", hint="")
            taken = self._rows().exclude(state=OutcomeState.NOT_ATTEMPTED)
            still = set(taken.values_list("schema_name", flat=True))
        for name in set(names) - still:
            self.out.pop(name, None)

    def _look_after(self) -> None:
        """Hand out again what a dead worker had, and stop where there are no workers at all."""
        with schema_in_use(public_schema()):
            running = list(
                self._rows()
                .filter(state=OutcomeState.RUNNING)
                .values_list("schema_name", flat=True)
            )
        if running:
            self.heard_at = time.monotonic()
            held = _held()
            rollout = self.run.record.rollout.pk
            for name in running:
                if not held & {_key(work_name(rollout, name)), _key(name)}:
                    self._worker_died(name)
        for name in tuple(self.unsent):
            self._send(name)
        silent = time.monotonic() - self.heard_at
        if silent >= conf.get().WORKER_WAIT_SECONDS and self.out:
            self.run.stop.because(self.trouble or self._why_silent())

    def _worker_died(self, name: str) -> None:
        """Nobody has it in hand. Where the worker recorded its end meanwhile, nothing is done."""
        self.deaths[name] += 1
        many = self.deaths[name] >= MOST_DEATHS
        values = {"state": OutcomeState.NOT_ATTEMPTED, "message": HANDED_OUT}
        with schema_in_use(public_schema()):
            running = self._rows().filter(schema_name=name, state=OutcomeState.RUNNING)
            if many:
                why = f"{MOST_DEATHS} workers died while they had it in hand"
                values = {"state": OutcomeState.FAILED, "message": why}
            if not running.update(**values):
                return
        event(logger, logging.WARNING, "worker_died", run=self.run.record.rollout.pk, tenant=name)
        if not many:
            self._send(name)

    def _why_silent(self) -> str:
        with schema_in_use(public_schema()):
            declined = self._rows().exclude(hint="").values_list("hint", flat=True).first()
        return declined or "no worker took a tenant: start workers, or heal without --executor"


def _failure(outcome: TenantOutcome) -> Failure | None:
    """The failure that a worker recorded, as ``attempt_task`` returned it there."""
    if outcome.state != OutcomeState.FAILED:
        return None
    state = outcome.sqlstate
    consequence = Consequence.RETRY if state in RETRIED else Consequence.TENANT
    if state.startswith(STOPPING):
        consequence = Consequence.STOP
    return Failure(outcome.message, outcome.hint, state, outcome.migration, consequence)


def _held() -> set[int]:
    """Second keys of the held locks of workers and tenants, as ``pg_locks`` has them."""
    with reading() as raw:
        return {key for (key,) in raw.execute(IN_HAND, (locks.WORK, locks.TENANT))}


def _key(name: str) -> int:
    """PostgreSQL shows keys without a sign."""
    return locks.second_key(name) % 2**32
