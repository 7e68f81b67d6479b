"""Attempting: one schema, tried again where that may help, with what happened on record."""

import time
from collections.abc import Callable

from tenant_migrations import conf
from tenant_migrations.database import lost_connection, tenant_connection
from tenant_migrations.exceptions import LockLost
from tenant_migrations.fleet.graph import label
from tenant_migrations.rollout.failures import (
    Consequence,
    Failure,
    Skipped,
    Unproven,
    sort_failure,
)
from tenant_migrations.rollout.planning import Skip, Task
from tenant_migrations.rollout.progress import Entry, Progress
from tenant_migrations.rollout.recording import Record
from tenant_migrations.rollout.retry import attempts


def attempt_task(
    task: Task,
    record: Record,
    apply: Callable[[Task, Progress, Entry], None],
    plan_again: Callable[[Task], Task | Skip | None],
) -> Failure | None:
    """Apply a task; ``None`` when it is done or was left alone on purpose.

    A lock that was not to be had, a deadlock and a lost connection are tried again after a wait,
    on a plan made anew: a commit whose reply was lost is not repeated, and what it did is on record
    as this run's. Raises ``LockLost``.
    """
    started = time.monotonic()
    failure: Failure | None = None
    done = Progress()
    connected = True
    for attempt in attempts(conf.get().LOCK_ATTEMPTS):
        done.current = ""
        try:
            current = task if attempt == 1 else plan_again(task)
            if not connected:
                _note_committed(done, task, current)
            entry = record.entry(task.schema_name, done, attempt, started)
            if current is None:
                entry.end()
                return None
            if isinstance(current, Skip):
                raise Skipped(current.reason)
            apply(current, done, entry)
            return Failure("; ".join(done.refused), "") if done.refused else None
        except Skipped as reason:
            record.skipped(task.schema_name, str(reason))
            return None
        except LockLost:
            raise
        except Exception as error:
            still = _is_connected() and not lost_connection(error)
            connected = connected and still
            failure = sort_failure(error, done.current, still)
            record.failed(task.schema_name, failure, done, attempt, _since(started))
            if isinstance(error, Unproven):
                record.quarantine(task.schema_name, failure.message)
            if failure.consequence is not Consequence.RETRY:
                return failure
    return failure


def _note_committed(done: Progress, task: Task, left: Task | Skip | None) -> None:
    """Note what was to be done and no longer is: a commit whose reply was lost did it."""
    if isinstance(left, Skip):
        return
    pending = (*left.record, *left.pending) if left else ()
    absent = {made.key for made in left.remedies} if left else set()
    applied = [label(key) for key in (*task.record, *task.pending) if key not in pending]
    repaired = [
        f"{made.key.kind} {made.key.display}" for made in task.remedies if made.key not in absent
    ]
    done.applied += [what for what in applied if what not in done.applied]
    done.repaired += [what for what in repaired if what not in done.repaired]


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _is_connected() -> bool:
    """Whether this thread's connection outlived an error; a dead one is closed, to be reopened."""
    connection = tenant_connection()
    if connection.connection is not None and connection.is_usable():
        return True
    connection.close()
    return False
