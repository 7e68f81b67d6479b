"""The one place that knows django-health-check: its checks, asked as a library.

It is not in ``INSTALLED_APPS``: its own ``health_check`` command would stand in the way of ours.
Its checks are run directly, in the thread of the check, not through its executor.
"""

import asyncio
import inspect
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils.module_loading import import_string
from django_tenants.utils import get_tenant_database_alias
from health_check import checks
from health_check.base import HealthCheck
from health_check.contrib import psutil as machine
from health_check.exceptions import HealthCheckException, ServiceUnavailable, ServiceWarning

from tenant_migrations import conf
from tenant_migrations.database import one_line
from tenant_migrations.health.asking import Asking, Check
from tenant_migrations.health.report import Answer, healthy, unhealthy, warning
from tenant_migrations.redaction import redacted

AGAIN = "mend the cause, then: manage.py health_check --full"

Failure = HealthCheckException
"""What the checks raise for what they find wrong."""


def answer_of(error: HealthCheckException) -> Answer:
    """What one of the library's exceptions says."""
    text = str(error.message).replace("\u202f", "")
    if isinstance(error.__cause__, DatabaseError):
        text = one_line(error.__cause__)
    make = warning if isinstance(error, ServiceWarning) else unhealthy
    return make(redacted(text), AGAIN)


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what the library and checks made with it log to themselves."""
    logger = logging.getLogger("health_check")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def ask(check: HealthCheck, seconds: float) -> None:
    """Run one of the library's checks in this thread. Raises what it finds wrong."""
    if inspect.iscoroutinefunction(check.run):
        asyncio.run(asyncio.wait_for(check.run(), seconds))
    else:
        check.run()


def ask_database(seconds: float) -> None:
    """Have the database with the tenants answer."""
    ask(checks.Database(alias=get_tenant_database_alias()), seconds)


def ask_cache(alias: str, seconds: float) -> None:
    """Write to a cache and read it back."""
    ask(checks.Cache(alias=alias, timeout=timedelta(seconds=seconds)), seconds)


class _Storage(checks.Storage):  # type: ignore[misc]  # the library is not typed
    """Leaves no folder behind."""

    def get_file_name(self) -> str:
        return str(super().get_file_name()).replace("/", "-")


def ask_storage(seconds: float) -> None:
    """Write a file to the default storage, read it back and delete it."""
    ask(_Storage(alias="default"), seconds)


def ask_mail(seconds: float) -> None:
    """Connect to the mail server. Nothing is sent."""
    ask(checks.Mail(timeout=timedelta(seconds=seconds)), seconds)


def disk_is_full(path: str, percent: int, seconds: float) -> bool:
    """Whether at least that share of the disk below a path is in use."""
    return _warns(machine.Disk(path=path, max_disk_usage_percent=percent), seconds)


def memory_is_full(percent: int, seconds: float) -> bool:
    """Whether at least that share of the machine's memory is in use."""
    return _warns(machine.Memory(max_memory_usage_percent=percent), seconds)


def _warns(check: HealthCheck, seconds: float) -> bool:
    try:
        ask(check, seconds)
    except ServiceWarning:
        return True
    return False


def ask_redis(url: str, seconds: float) -> None:
    """Ping a Redis server."""
    from health_check.contrib.redis import Redis  # noqa: PLC0415 - redis is optional
    from redis.asyncio import Redis as Client  # noqa: PLC0415
    from redis.exceptions import RedisError  # noqa: PLC0415

    def client() -> Client:
        return Client.from_url(url, socket_connect_timeout=seconds, socket_timeout=seconds)

    try:
        ask(Redis(client_factory=client), seconds)
    except RedisError as error:
        raise ServiceUnavailable(one_line(error)) from error


def celery_check() -> HealthCheck:
    """A check of this thread's Celery app: threads of checks do not know which it is."""
    from health_check.contrib.celery import Ping  # noqa: PLC0415 - celery is optional

    return Ping()


def added_checks() -> list[Check]:
    """The checks that ``HEALTH_CHECKS_ADD`` names.

    Raises ``ImproperlyConfigured`` for a path that leads to no check.
    """
    return [_added(path) for path in conf.get().HEALTH_CHECKS_ADD]


def _added(path: str) -> Check:
    where = f"{conf.SETTING}['HEALTH_CHECKS_ADD'] names {path!r}"
    try:
        found = import_string(path)
        check = found() if isinstance(found, type) else found
    except Exception as error:
        raise ImproperlyConfigured(f"{where}, which can't be had: {one_line(error)}") from error
    if not isinstance(check, HealthCheck):
        raise ImproperlyConfigured(f"{where}, which is no health_check.base.HealthCheck.")

    def run(asking: Asking) -> Answer:
        ask(check, asking.timeout)
        return healthy(check.pretty_status())

    return Check(_name_of(type(check).__name__), run)


def _name_of(class_name: str) -> str:
    """``PaymentGateway`` as ``payment_gateway``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()
