"""Remote work: what a worker does with a tenant that a run elsewhere has handed out to it.

The database is the truth; what carries the messages may lose, repeat or delay them. A tenant is
handed out by a mark in its outcome (``handing_out.py``). Who takes it must find the mark, by one
conditional update, so that a repeated message finds none; the run still running; its fleet lock
still held; and the same code. While a worker has a tenant in hand it holds a lock of its own, so
that its death shows.
"""

import logging
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from tenant_migrations import locks
from tenant_migrations.database import public_schema, schema_in_use, tenant_connection
from tenant_migrations.exceptions import Busy, LockLost
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.survey import Question, no_progress
from tenant_migrations.fleet.tenants import TENANT_KIND
from tenant_migrations.logs import event
from tenant_migrations.models import Rollout, TenantOutcome
from tenant_migrations.provisioning.reference import as_they_stand
from tenant_migrations.rollout.failures import sort_failure
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.planning import Options, Skip, Task
from tenant_migrations.rollout.progress import Progress
from tenant_migrations.rollout.recording import Record
from tenant_migrations.rollout.running import Order, Run
from tenant_migrations.vocabulary import OutcomeState, RolloutState, TenantStatus

HANDED_OUT = "handed out to the workers"
"""The mark in the message of an outcome that is not attempted."""

logger = logging.getLogger("tenant_migrations.rollout")

Message = dict[str, Any]
"""What a worker is told, apart from the tenant's name; plain JSON."""


def message_of(run: Run) -> Message:
    """What every worker has to know of a run."""
    order = run.order
    return {
        "rollout": run.record.rollout.pk,
        "holder": [run.lock.holder.pid, run.lock.holder.began],
        "code": run.code.revision,
        "apps": list(order.question.apps),
        "structure": order.question.structure,
        "reconcile": order.options.reconcile,
        "retry_quarantined": order.options.retry_quarantined,
        "lock_timeout_ms": order.limits.lock_timeout_ms,
        "statement_timeout_ms": order.limits.statement_timeout_ms,
    }


def work_name(rollout: int, schema_name: str) -> str:
    """The lock of a worker that has a tenant in hand."""
    return f"{rollout}:{schema_name}"


@dataclass(frozen=True)
class _Elsewhere:
    """The fleet lock, which the process that hands out holds."""

    holder: locks.Holder


class _Hand(Run):
    """A run as one of its workers sees it. Kept while messages of the same run come, so that what
    was worked out for one tenant serves the next."""

    def __init__(self, message: Message, code: Code) -> None:
        order = Order(
            Question(apps=message["apps"], structure=message["structure"], jobs=1),
            Options(message["reconcile"], message["retry_quarantined"]),
            Limits(message["lock_timeout_ms"], message["statement_timeout_ms"]),
        )
        super().__init__(order, code, _Elsewhere(locks.Holder(*message["holder"])), no_progress)  # type: ignore[arg-type]
        self.record = Record(Rollout(pk=message["rollout"]))
        kept = as_they_stand(code) if order.question.structure else []
        self.references = {one.kind: one.reference for one in kept if one.reference}

    def take(self, name: str) -> None:
        """Do what is to be done to one tenant, and record it."""
        began = time.monotonic()
        stub = Task(name, TENANT_KIND, TenantStatus.UNKNOWN, "", "")
        try:
            planned = self.plan_again(stub)
        except Exception as error:
            failure = sort_failure(error, "", True)
            self.record.failed(name, failure, Progress(), 1, time.monotonic() - began)
            return
        if planned is None:
            self.record.entry(name, Progress(), 1, began).end()
        elif isinstance(planned, Skip):
            self.record.skipped(name, planned.reason)
        else:
            self.attempt(planned)


_code: list[Code] = []
"""The code that this process runs, as it was when it first took a tenant: files that a deploy
changes under a running process are not its code."""
_hands: dict[str, _Hand] = {}


def serve(message: Message, schema_name: str) -> str:
    """Take a tenant in hand that was handed out; what came of it, in a word.

    Safe to call again with the same message, at any time, in any number of processes: it does
    nothing unless the tenant is still handed out. Work, locks and failures as those of a local run.
    Whatever schema is in use is in use again afterwards.
    """
    work = work_name(message["rollout"], schema_name)
    try:
        with schema_in_use(public_schema()), locks.alone(locks.WORK, work, "another worker has it"):
            return _serve(message, schema_name)
    except Busy:
        return "in other hands"


def _serve(message: Message, schema_name: str) -> str:
    rows = TenantOutcome.objects.filter(
        rollout=message["rollout"],
        rollout__state=RolloutState.RUNNING,
        schema_name=schema_name,
        state=OutcomeState.NOT_ATTEMPTED,
        message=HANDED_OUT,
    )
    try:
        locks.Holder(*message["holder"]).check(tenant_connection())
        if not rows.exists():
            return "not handed out"
        hand = _hand(message)
        if isinstance(hand, str):
            rows.update(hint=hand)
            event(logger, logging.WARNING, "worker_declined", tenant=schema_name, why=hand)
            return "declined"
        if not rows.update(state=OutcomeState.RUNNING, message=""):
            return "not handed out"
        event(
            logger,
            logging.INFO,
            "worker_took",
            run=message["rollout"],
            tenant=schema_name,
            host=socket.gethostname(),
            process=os.getpid(),
        )
        hand.take(schema_name)
    except LockLost:
        return "the run is over"
    return "done"


def _hand(message: Message) -> _Hand | str:
    """This process's hand in a run, or why it has none."""
    if not _code:
        _code.append(Code())
    code = _code[0]
    if code.revision != message["code"]:
        return (
            f"the worker {socket.gethostname()}:{os.getpid()} has other code "
            f"({code.revision[:15]}) than the run ({message['code'][:15]}): restart the workers"
        )
    key = repr(sorted(message.items()))
    if key not in _hands:
        _hands.clear()
        _hands[key] = _Hand(message, code)
    return _hands[key]
