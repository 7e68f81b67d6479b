"""Looking at one tenant: whether its schema, by the verdict, explains what a request missed.

Asked only when a request has failed. The look is made by a thread of its own, on connections of
its own, so that nothing of the request's transaction is touched, and it is bounded in time. Its
result serves the requests of the next seconds.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock

from django.apps import apps
from django.utils import timezone

from tenant_migrations.database import one_line, public_schema, reading_within, schema_in_use
from tenant_migrations.fleet.expectation import Reference, Step
from tenant_migrations.fleet.graph import Code, label
from tenant_migrations.fleet.survey import Question, survey
from tenant_migrations.logs import event
from tenant_migrations.models import TenantOutcome
from tenant_migrations.provisioning.reference import as_they_stand
from tenant_migrations.vocabulary import ObjectKind, OutcomeState, TenantStatus
from tenant_migrations.web.failures import Failure

logger = logging.getLogger("tenant_migrations.web")

SECONDS = 5.0
"""How long a request waits for the look at its tenant at most."""

BROKEN_SECONDS = 10.0
WELL_SECONDS = 1.0
"""For how long a look counts that found a tenant broken, or not."""

NOT_BROKEN = (TenantStatus.OK, TenantStatus.UNKNOWN)
"""Of one that could not be checked nothing is known: that may be an outage, or a lock."""

ALIVE_SECONDS = 60.0
"""A rollout that has said nothing for longer is not taken to be at work."""

CODE_SECONDS = 60.0
"""For how long the references are kept in this process."""

AT_ONCE = 2
"""Looks that are made side by side."""

RELATIONS = frozenset({ObjectKind.TABLE, ObjectKind.VIEW})
COLUMNS = frozenset({ObjectKind.COLUMN})
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Known:
    """The code, and what its migrations have ever made or will make."""

    code: Code
    references: Mapping[str, Reference]
    relations: frozenset[str]
    columns: frozenset[str]
    to_come: frozenset[str]
    """Words of the migrations that a reference has yet to pass: after a deploy, until a check."""
    until: float

    @classmethod
    def read(cls) -> "Known":
        code = Code()
        found = as_they_stand(code)
        kept = {one.kind: one.reference for one in found if one.reference}
        steps = [step for reference in kept.values() for step in reference.steps]
        models = [model._meta for model in apps.get_models(include_auto_created=True)]
        tables = {options.db_table for options in models}
        fields = [field for options in models for field in options.local_concrete_fields]
        columns = {field.column for field in fields if field.column}
        texts = {code.source(key).decode(errors="replace") for one in found for key in one.pending}
        return cls(
            code,
            kept,
            _named(steps, RELATIONS) | tables,
            _named(steps, COLUMNS) | columns,
            frozenset(WORD.findall(" ".join(texts))),
            time.monotonic() + CODE_SECONDS,
        )

    def concerns(self, failure: Failure) -> bool:
        """Whether the migrations make what the request missed; a typo is none of theirs."""
        if not failure.name or not self.references or failure.sqlstate == "3F000":
            return True
        made = self.relations if failure.sqlstate == "42P01" else self.columns
        return failure.name in made or failure.name in self.to_come

    def made_by(self, outcome: TenantOutcome) -> frozenset[str]:
        """Names of the relations and columns that a rollout made in a schema, or changed."""
        applied = {*outcome.applied}
        steps = [
            step
            for reference in self.references.values()
            for step in reference.steps
            if label(step.key) in applied
        ]
        # "column finance_invoice.due_on"
        repaired = {what.partition(" ")[2].rpartition(".")[2] for what in outcome.repaired}
        return _named(steps, RELATIONS | COLUMNS) | repaired


def _named(steps: Iterable[Step], kinds: frozenset[ObjectKind]) -> frozenset[str]:
    return frozenset(key.name for step in steps for key, *_ in step.changes if key.kind in kinds)


@dataclass(frozen=True)
class Look:
    """What a look found of one tenant."""

    status: TenantStatus
    """Its own, or that of public where it is well itself."""
    is_in_hand: bool = False
    """Whether a rollout works on it now."""
    brought: frozenset[str] = frozenset()
    """Where it is well: what a rollout has brought it just now."""

    def blames(self, failure: Failure) -> TenantStatus | None:
        """As ``Looker.blame``."""
        if self.status is TenantStatus.UNKNOWN:
            return None
        if self.status is TenantStatus.OK and not self.is_in_hand:
            # A name that the server did not tell may be one of those.
            missed_before = failure.name in self.brought if failure.name else bool(self.brought)
            return self.status if missed_before else None
        return self.status


class Looker:
    """The looks of this process. Safe to use from all its threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._known: Known | None = None
        self._looks: dict[str, tuple[Look, float]] = {}
        """The newest of each tenant, and until when it counts."""
        self._under_way: dict[str, Future[Look]] = {}

    def blame(self, schema_name: str, failure: Failure) -> TenantStatus | None:
        """The status of a tenant whose schema explains the failure, ``None`` where none does.

        ``OK`` is that of a tenant to which a rollout has brought what the request missed since it
        failed. None is also the answer where it is not to be had in ``SECONDS``: what is not
        known to be migration trouble is not called so. Never raises.
        """
        deadline = time.monotonic() + SECONDS
        try:
            if not self._in_thread(self._knowledge, deadline).concerns(failure):
                return None
            look = self._newest(schema_name, deadline)
        except TooLate:
            event(logger, logging.WARNING, "look_too_slow", tenant=schema_name)
            return None
        except Exception as error:
            event(logger, logging.WARNING, "look_failed", tenant=schema_name, error=one_line(error))
            return None
        return look.blames(failure)

    def forget(self) -> None:
        """Look anew the next time."""
        with self._lock:
            self._known = None
            self._looks.clear()

    def _newest(self, schema_name: str, deadline: float) -> Look:
        with self._lock:
            look, until = self._looks.get(schema_name, (None, 0.0))
            if look and until > time.monotonic():
                return look
            future = self._under_way.get(schema_name)
            if future is None:
                future = self._pool().submit(self._look, schema_name)
                self._under_way[schema_name] = future
        return future.result(deadline - time.monotonic())

    def _look(self, schema_name: str) -> Look:
        try:
            with reading_within(int(SECONDS * 1000)):
                known = self._knowledge()
                look = Look(_verdict(schema_name, known))
                if look.status is TenantStatus.OK:
                    look = _with_what_came(look, schema_name, known)
            seconds = WELL_SECONDS if look.status in NOT_BROKEN else BROKEN_SECONDS
            with self._lock:
                now = time.monotonic()
                self._looks = {n: kept for n, kept in self._looks.items() if kept[1] > now}
                self._looks[schema_name] = (look, now + seconds)
            return look
        finally:
            with self._lock:
                self._under_way.pop(schema_name, None)

    def _knowledge(self) -> Known:
        known = self._known
        if known is None or known.until < time.monotonic():
            with reading_within(int(SECONDS * 1000)):
                known = self._known = Known.read()
        return known

    def _in_thread(self, read: Callable[[], Known], deadline: float) -> Known:
        known = self._known
        if known is not None and known.until > time.monotonic():
            return known
        with self._lock:
            future = self._pool().submit(read)
        return future.result(deadline - time.monotonic())

    def _pool(self) -> ThreadPoolExecutor:
        # Made at the first failure: threads would not outlive the fork of a preloading server.
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AT_ONCE, "tenant-migrations-look")
        return self._threads


def _verdict(schema_name: str, known: Known) -> TenantStatus:
    """The tenant's status, or public's where the tenant itself is well."""
    question = Question(tenants=(schema_name,), structure=bool(known.references), jobs=1)
    report = survey(known.code, known.references, question)
    status = report.tenants[0].status
    return report.public.status if status is TenantStatus.OK else status


def _with_what_came(look: Look, schema_name: str, known: Known) -> Look:
    """What a rollout brought to a tenant, or to public, just before it was found to be well.

    The request may have failed before that was committed.
    """
    now = timezone.now()
    recently = now - timedelta(seconds=BROKEN_SECONDS)
    with schema_in_use(public_schema()):
        worked = [
            *TenantOutcome.objects.filter(
                schema_name__in=(schema_name, public_schema()),
                state__in=(OutcomeState.RUNNING, OutcomeState.FIXED),
                rollout__heartbeat_at__gte=now - timedelta(seconds=ALIVE_SECONDS),
            )
        ]
    is_in_hand = any(outcome.state == OutcomeState.RUNNING for outcome in worked)
    brought = [
        known.made_by(outcome)
        for outcome in worked
        if outcome.started_at
        and outcome.started_at + timedelta(seconds=outcome.duration_seconds or 0) >= recently
    ]
    return replace(look, is_in_hand=is_in_hand, brought=frozenset[str]().union(*brought))


looker = Looker()
