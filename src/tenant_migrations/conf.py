"""Every setting of the app, read from ``settings.TENANT_MIGRATIONS`` in this one place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from ipaddress import ip_network
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from tenant_migrations.vocabulary import AlertSeverity

SETTING = "TENANT_MIGRATIONS"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings with their defaults; ``docs/settings.md`` has a section for each."""

    REFERENCE_SCHEMA: str = "tenant_migrations_reference"
    """Prefix of the reference schemas; ``_tenant``, ``_public`` or a tenant type follows."""

    JOBS: int = 2
    """Database connections that read the fleet side by side."""

    READ_BATCH: int = 20_000
    """Relations that one statement reads of the catalog at most."""

    LEDGER_BATCH: int = 100
    """Ledgers that one statement reads at most."""

    READ_TIMEOUT_MS: int = 60_000
    """``statement_timeout`` of every statement that only reads, in milliseconds."""

    LOCK_TIMEOUT_MS: int = 2_000
    """How long a migration may wait for a lock, and so stall the readers behind it (ms)."""

    STATEMENT_TIMEOUT_MS: int = 0
    """``statement_timeout`` while migrating, in milliseconds; 0 is none."""

    LOCK_ATTEMPTS: int = 3
    """How often a tenant is tried when a lock was not to be had or a deadlock was met."""

    SAME_FAILURE_LIMIT: int = 3
    """How many tenants may fail with the same SQLSTATE in the same migration before a rollout
    stops."""

    QUARANTINE_AFTER: int = 3
    """In how many rollouts in a row a tenant may fail in the same migration before it is left
    alone."""

    WORKER_WAIT_SECONDS: int = 60
    """How long a rollout over Celery waits for workers of which it hears nothing, in seconds."""

    POST_MIGRATE: Mapping[str, str] = field(default_factory=dict)
    """Receivers of ``post_migrate`` that need not be called for each tenant: their dotted paths,
    with that of a function to call instead, or an empty string."""

    IGNORE_OBJECTS: tuple[str, ...] = ()
    """Tables, views, sequences, functions and types that are none of the migrations' business.

    Shell patterns over the object's name, such as ``custom_*``. What belongs to an ignored table
    (columns, indexes, constraints, triggers) is ignored with it.
    """

    IGNORE_SCHEMAS: tuple[str, ...] = ()
    """Schemas never reported as orphans, as shell patterns."""

    HISTORY_DAYS: int = 90
    """How long samples of the fleet's history are kept, in days."""

    METRICS_PREFIX: str = "tenant_migrations_"
    """What the names of all exported metrics begin with."""

    METRICS_TOKEN: str = ""
    """Whoever sends it as ``Authorization: Bearer`` may read the metrics page; empty: nobody."""

    METRICS_NETWORKS: tuple[str, ...] = ()
    """Networks, such as ``10.0.0.0/8``, whose hosts may read the metrics page without a token."""

    METRICS_TENANT_LABELS: bool = False
    """Whether tenants that are not ok are exported by name."""

    HEALTH_TIMEOUT_SECONDS: int = 10
    """How long ``health_check`` waits for each check, in seconds."""

    HEALTH_CHECKS_ADD: tuple[str, ...] = ()
    """Dotted paths of further checks: classes or instances of django-health-check's kind."""

    HEALTH_CHECKS_REMOVE: tuple[str, ...] = ()
    """Names of checks that are not to be made."""

    HEALTH_DISK_PERCENT: int = 90
    """From which use of a disk on its check warns, in percent."""

    HEALTH_MEMORY_PERCENT: int = 90
    """From which use of memory on its check warns, in percent."""

    HEALTH_CONNECTIONS_PERCENT: int = 80
    """From which use of the server's connections on its check warns, in percent."""

    HEALTH_MONITORING_MINUTES: int = 60
    """How old the last verification of the whole fleet may be, in minutes."""

    HEALTH_BACKUP_HOURS: int = 0
    """How old the newest backup may be, in hours; 0: none is expected."""

    BACKUP_DIR: str = ""
    """Folder that backups are kept in; empty: each command has to name one."""

    RETENTION_DAYS: int = 30
    """How many days backups are kept; the last three are kept whatever their age."""

    POSTGRES_BIN: str = ""
    """Folder with pg_dump and pg_restore; empty: they are looked for."""

    LOG_FORMAT: str = "line"
    """How ``tenant_migrations.logs.EventFormatter`` writes: ``line`` (key=value) or ``json``."""

    ALERT_URLS: tuple[str, ...] | Mapping[str, tuple[str, ...]] = field(default=(), repr=False)
    """Who is told of problems, as Apprise URLs: a list, or lists by ``critical``, ``warning``,
    ``info`` and, for the weekly report, ``report``."""

    ALERT_SOURCE: str = ""
    """What alerts call this fleet; empty: the name of its database."""

    ALERT_TIMEOUT_SECONDS: int = 20
    """How long a command waits for all its alerts to be delivered, in seconds."""

    ALERT_STATE_DIR: str = ""
    """Folder for what was told while the database was down; empty: below the system's own folder
    for temporary files."""

    CHECKS_EXPECTED_PER_DAY: int = 96
    """How often a day the monitor is to check the fleet; the weekly report counts against it."""

    GUARD_RETRY_SECONDS: int = 60
    """``Retry-After`` of an answer 503 to a tenant's visitors, in seconds."""

    GUARD_HEALS: bool = True
    """Whether the guard has a tenant healed that its visitors find broken."""

    GUARD_HEAL_MINUTES: int = 10
    """How long the guard waits before it has the same tenant healed again, in minutes."""

    WEB_COMMAND: tuple[str, ...] = ()
    """What starts ``manage.py`` from a web process; empty: the Python that serves it."""


@cache
def get() -> Settings:
    """The settings in force.

    Raises ``ImproperlyConfigured`` for an unknown name or a value of the wrong kind.
    """
    given = getattr(django_settings, SETTING, {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{SETTING} must be a dict, not {type(given).__name__}.")
    known = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(Settings)
    }
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ImproperlyConfigured(
                f"{SETTING}[{name!r}] is not a setting; known: {', '.join(known)}."
            )
        values[name] = _checked(name, value, known[name])
    return Settings(**values)


def _checked(name: str, value: Any, default: Any) -> Any:
    checked = _of_kind(name, value, default)
    if name in SHAPES:
        is_well_formed, shape = SHAPES[name]
        if not is_well_formed(checked):
            raise ImproperlyConfigured(f"{SETTING}[{name!r}] must be {shape}.")
    return checked


def _of_kind(name: str, value: Any, default: Any) -> Any:
    if name == "ALERT_URLS" and isinstance(value, Mapping):
        return {audience: _of_kind(name, urls, ()) for audience, urls in value.items()}
    if isinstance(default, tuple):
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ImproperlyConfigured(f"{SETTING}[{name!r}] must be a list of strings.")
    if isinstance(default, dict):
        if isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
            return dict(value)
        raise ImproperlyConfigured(f"{SETTING}[{name!r}] must be a dict of strings.")
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise ImproperlyConfigured(f"{SETTING}[{name!r}] must be True or False.")
    if isinstance(default, int):
        least = 0 if name.endswith(("_TIMEOUT_MS", "_HOURS")) else 1
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise ImproperlyConfigured(f"{SETTING}[{name!r}] must be a whole number from {least} up.")
    if isinstance(value, str):
        return value
    raise ImproperlyConfigured(f"{SETTING}[{name!r}] must be a string.")


def _are_networks(values: tuple[str, ...]) -> bool:
    try:
        return all(ip_network(value) for value in values)
    except ValueError:
        return False


def _is_routing(urls: tuple[str, ...] | Mapping[str, tuple[str, ...]]) -> bool:
    return not isinstance(urls, Mapping) or set(urls) <= {*AlertSeverity, "report"}


def _is_percentage(value: int) -> bool:
    return value <= 100


SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "REFERENCE_SCHEMA": (lambda name: 0 < len(name.encode()) <= 40, "a name of 1 to 40 bytes"),
    "HISTORY_DAYS": (lambda days: days <= 36_500, "a whole number from 1 to 36500"),
    "METRICS_PREFIX": (
        lambda prefix: re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", prefix) is not None,
        "of letters, digits and _, and not begin with a digit",
    ),
    "METRICS_NETWORKS": (_are_networks, "a list of networks such as 10.0.0.0/8"),
    "HEALTH_DISK_PERCENT": (_is_percentage, "a percentage from 1 to 100"),
    "HEALTH_MEMORY_PERCENT": (_is_percentage, "a percentage from 1 to 100"),
    "HEALTH_CONNECTIONS_PERCENT": (_is_percentage, "a percentage from 1 to 100"),
    "ALERT_URLS": (
        _is_routing,
        "a list of URLs, or a dict of such lists by critical, warning, info and report",
    ),
    "RETENTION_DAYS": (lambda days: days <= 36_500, "a whole number from 1 to 36500"),
    "LOG_FORMAT": (lambda name: name in ("line", "json"), "'line' or 'json'"),
}
"""Settings that not every value of their kind would do for, and what they must be."""


def _reset(*, setting: str, **_: Any) -> None:
    if setting == SETTING:
        get.cache_clear()


def register_reset() -> None:
    """Read the settings anew after ``override_settings`` in tests."""
    setting_changed.connect(_reset, dispatch_uid="tenant_migrations.conf")
