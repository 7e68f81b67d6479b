"""What the project rests on beside its tenants: caches, files, mail, the machine, queues."""

from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import psutil
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages

from tenant_migrations import conf
from tenant_migrations.database import tenant_connection
from tenant_migrations.health import library
from tenant_migrations.health.asking import Asking, Check
from tenant_migrations.health.report import Answer, healthy, unhealthy, warning
from tenant_migrations.redaction import redacted

MAIL_SETTINGS = ("EMAIL_BACKEND", "EMAIL_HOST", "MAILERS")
BROKER_SETTINGS = ("CELERY_BROKER_URL", "BROKER_URL")


def database(asking: Asking) -> Answer:
    with asking.database():
        library.ask_database(asking.timeout)
        connection: Any = tenant_connection()
        major, minor = divmod(connection.pg_version, 10_000)
    version = f"{major}.{minor}"
    return healthy(f"PostgreSQL {version} answers", server_version=version)


def cache(asking: Asking) -> Answer:
    aliases = [
        alias
        for alias, options in settings.CACHES.items()
        if not str(options["BACKEND"]).endswith(".DummyCache")
    ]
    broken = {}
    for alias in aliases:
        try:
            library.ask_cache(alias, asking.timeout)
        except library.Failure as error:
            broken[alias] = redacted(f"cache {alias!r}: {error.message}")
    if broken:
        return unhealthy("; ".join(broken.values()), library.AGAIN, broken=[*broken])
    if not aliases:
        return healthy("no cache is set up", aliases=[])
    return healthy("written and read back", aliases=aliases)


def storage(asking: Asking) -> Answer:
    default = storages["default"]
    if isinstance(default, FileSystemStorage) and not default.base_location:
        return healthy("no place for files is set up (MEDIA_ROOT)", configured=False)
    library.ask_storage(asking.timeout)
    return healthy("a file was written, read back and deleted", configured=True)


def email(asking: Asking) -> Answer:
    configured = settings.is_overridden  # type: ignore[misc]  # unknown to the mypy plugin
    if not any(map(configured, MAIL_SETTINGS)):
        return healthy("no mail server is set up (EMAIL_HOST)", configured=False)
    library.ask_mail(asking.timeout)
    return healthy("mail can be handed over", configured=True)


def disk(asking: Asking) -> Answer:
    limit = conf.get().HEALTH_DISK_PERCENT
    paths = dict.fromkeys(["/", str(settings.MEDIA_ROOT or "/")])
    details, full = {}, []
    for path in paths:
        usage = psutil.disk_usage(path)
        details[path] = {"percent": usage.percent, "free_bytes": usage.free}
        if library.disk_is_full(path, limit, asking.timeout):
            full.append(f"{path} is {usage.percent:g}% full")
    if full:
        hint = f"free space (HEALTH_DISK_PERCENT is {limit})"
        return warning("; ".join(full), hint, paths=details)
    most = max(details, key=lambda path: details[path]["percent"])
    return healthy(f"{most} is {details[most]['percent']:g}% full", paths=details)


def memory(asking: Asking) -> Answer:
    limit = conf.get().HEALTH_MEMORY_PERCENT
    now = psutil.virtual_memory()
    details = {"percent": now.percent, "available_bytes": now.available}
    message = f"{now.percent:g}% of {now.total / 2**30:.1f} GiB in use"
    if library.memory_is_full(limit, asking.timeout):
        hint = f"see what uses it: ps aux --sort=-rss (HEALTH_MEMORY_PERCENT is {limit})"
        return warning(message, hint, **details)
    return healthy(message, **details)


def queue_checks() -> list[Check]:
    """The checks of Redis and Celery, where the project has them."""
    found = []
    if urls := list(dict.fromkeys(_redis_urls())):
        found.append(Check("redis", partial(_redis, urls=urls)))
    if _broker_url() and find_spec("celery"):
        found.append(Check("celery", partial(_celery, check=library.celery_check())))
    return found


def _redis(asking: Asking, urls: Iterable[str]) -> Answer:
    servers, broken = [], []
    for url in urls:
        parts = urlsplit(url)
        place = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else ""
        server = place + parts.path
        servers.append(server)
        try:
            library.ask_redis(url, asking.timeout)
        except library.Failure as error:
            broken.append(redacted(f"{server}: {error.message}"))
    if broken:
        return unhealthy("; ".join(broken), library.AGAIN, servers=servers)
    return healthy("answers", servers=servers)


def _celery(asking: Asking, check: Any) -> Answer:
    library.ask(check, asking.timeout)
    return healthy("workers answer for every queue")


def _redis_urls() -> Iterable[str]:
    """Of caches and of Celery's broker."""
    for options in settings.CACHES.values():
        if "redis" in str(options["BACKEND"]).lower():
            places = options.get("LOCATION", ())
            yield from places.split(",") if isinstance(places, str) else places
    if _broker_url().startswith(("redis://", "rediss://")):
        yield _broker_url()


def _broker_url() -> str:
    return next(
        (str(url) for name in BROKER_SETTINGS if (url := getattr(settings, name, None))), ""
    )
