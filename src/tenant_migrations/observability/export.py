"""Where metrics go besides the page: a file that is replaced whole, or a Pushgateway."""

from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, push_to_gateway

from tenant_migrations import conf
from tenant_migrations.cli.files import replace_file
from tenant_migrations.exceptions import TenantMigrationsError, WrongUse

PUSH_TIMEOUT_SECONDS = 10


class ExportFailed(TenantMigrationsError):
    """What was collected could not be handed over."""


def write(path: Path, content: str) -> None:
    """Replace a file by ``content``, readable by all, or leave it as it was."""
    replace_file(path, content, 0o644, exactly=True)


def checked_gateway(url: str) -> str:
    """The address of a Pushgateway. Raises ``WrongUse`` for anything else.

    One with a password is refused and not repeated: what stands on a command line, every user of
    the machine can read.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise WrongUse("--push needs the address of a Pushgateway, such as http://127.0.0.1:9091")
    if "@" in parts.netloc:
        raise WrongUse("--push takes no user or password: give the address without them")
    return url


def push(url: str, registry: CollectorRegistry) -> None:
    """Replace this fleet's group in a Pushgateway. Raises ``ExportFailed``.

    The group's job is the metrics' prefix without its last underscore. Waits for at most
    ``PUSH_TIMEOUT_SECONDS``.
    """
    job = conf.get().METRICS_PREFIX.strip("_") or "tenant_migrations"
    try:
        push_to_gateway(url, job=job, registry=registry, timeout=PUSH_TIMEOUT_SECONDS)
    except HTTPError as error:
        raise ExportFailed(f"{url} did not take the metrics: HTTP {error.code}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ExportFailed(f"{url} could not be reached: {reason}") from error
