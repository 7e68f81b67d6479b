"""Apprise: the only module that imports it, and imported only where there is somebody to tell.

With its plugins it takes seconds to import, and it is an extra (``[alerts]``).
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode

from tenant_migrations.observability.alerts.messages import Message


def masked_host(url: str) -> str | None:
    """A URL up to its host, as ``slack://T...2``; ``None`` where Apprise does not understand it."""
    with _only_status_codes():
        service = _open(url)
    if service is None:
        return None
    scheme, _, rest = str(service.url(privacy=True)).partition("://")
    host = re.split("[/?]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}"


def send(url: str, message: Message, seconds: float) -> str:
    """Send a message; returns why it did not arrive, empty if it did.

    ``seconds`` bounds each wait for the network, not their sum. Never raises.
    """
    with _only_status_codes() as codes:
        try:
            arrived = _notify(_open(url), message, seconds)
        except Exception as error:  # A plugin may raise anything, and its text may hold the URL.
            return f"it failed ({type(error).__name__})"
    if arrived:
        return ""
    return f"it answered {codes[-1]}" if codes else "it could not be reached"


def _open(url: str) -> Any:
    # Without a timeout of its own Apprise stays in the thread that calls it. Its worker threads
    # would keep the process from ending while a receiver hangs.
    asset = AppriseAsset(
        app_id="tenant-migrations", async_mode=False, service_timeout=0, secure_logging=True
    )
    return Apprise.instantiate(url, asset=asset)


def _notify(service: Any, message: Message, seconds: float) -> bool:
    service.socket_connect_timeout = min(service.socket_connect_timeout, seconds)
    service.socket_read_timeout = min(service.socket_read_timeout, seconds)
    service.overflow_mode = OverflowMode.TRUNCATE
    title, body = message.title, message.body
    if service.secure_protocol == "pagerduty":
        # One incident for each problem, closed by the message that it is over. Its summary is one
        # line; everything else has a place of its own.
        service.action, service.dedup = "map", message.key
        service.details = dict(message.facts)
        title, body = "", title
    attach = None
    if message.attachment and service.attachment_support:
        attach = str(message.attachment)
    result = Apprise([service], asset=service.asset).notify(
        body=body,
        title=title,
        notify_type=NotifyType(message.tone.value),
        body_format=NotifyFormat.MARKDOWN if message.markdown else NotifyFormat.TEXT,
        attach=attach,
    )
    return bool(result)


@contextmanager
def _only_status_codes() -> Iterator[list[str]]:
    """Keep what Apprise logs in this thread from the logs; give the HTTP status codes in it.

    Its texts name hosts, which for some services are the secret.
    """
    codes: list[str] = []
    thread = threading.get_ident()

    def swallow(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        if found := re.search(r"error=(\d{3})\b", record.getMessage()):
            codes.append(f"HTTP {found[1]}")
        return False

    logger = logging.getLogger("apprise")
    if not logger.isEnabledFor(logging.WARNING):
        logger.setLevel(logging.WARNING)  # The codes are in warnings; other threads need them too.
    logger.addFilter(swallow)
    try:
        yield codes
    finally:
        logger.removeFilter(swallow)
