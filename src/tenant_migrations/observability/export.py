"""Where metrics go besides the page: a file that is replaced whole, or a Pushgateway."""

import os
import secrets
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, push_to_gateway

from tenant_migrations import conf
from tenant_migrations.exceptions import TenantMigrationsError, WrongUse

PUSH_TIMEOUT_SECONDS = 10


class ExportFailed(TenantMigrationsError):
    """What was collected could not be handed over."""


def checked_target(text: str) -> Path:
    """The file to write. Raises ``WrongUse`` for one that must not or cannot be replaced."""
    path = Path(text)
    if not text or path.is_dir():
        raise WrongUse(f"--export={text} is a folder: name a file in it")
    if path.is_symlink():
        raise WrongUse(f"--export={text} is a symbolic link: name the file itself")
    if path.exists() and not path.is_file():
        raise WrongUse(f"--export={text} is no regular file: name another")
    if not path.parent.is_dir():
        raise WrongUse(f"--export={text}: there is no folder {path.parent}: create it first")
    return path


def write(path: Path, content: str) -> None:
    """Replace a file by ``content``, readable by all, or leave it as it was.

    Readers see the old file or the new one, never a part. Raises ``ExportFailed``, with nothing
    left behind.
    """
    draft = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        draft.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ExportFailed(f"{path} was not written and is as it was: {reason}") from error
    finally:
        with suppress(OSError):
            draft.unlink()


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
