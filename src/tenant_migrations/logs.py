"""Structured logs: one logger tree ``tenant_migrations``, one line per event.

An event has a name and fields: run, tenant, migration, duration (seconds), sqlstate and whatever
else tells what happened. ``EventFormatter`` writes them; a project names it in ``LOGGING``.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from tenant_migrations import conf
from tenant_migrations.redaction import redacted

FIELDS = "tenant_migrations_fields"
"""Where a log record keeps the fields of its event."""


def event(logger: logging.Logger, level: int, name: str, **fields: Any) -> None:
    """Log an event. Fields that are ``None`` or empty are left out."""
    known = {key: value for key, value in fields.items() if value not in (None, "", [])}
    logger.log(level, name, extra={FIELDS: known})


class EventFormatter(logging.Formatter):
    """Writes one line per record, as ``key=value`` pairs or, by ``LOG_FORMAT``, as JSON.

    Each begins with ``time`` (ISO 8601, UTC), ``level`` and ``logger``. Records of other loggers
    get their text as ``message``. Control characters are escaped, secrets are masked.
    """

    def format(self, record: logging.LogRecord) -> str:
        pairs = {key: _masked(value) for key, value in self._pairs(record).items()}
        if _log_format() == "json":
            return json.dumps(pairs, default=str)
        return " ".join(f"{key}={_quoted(value)}" for key, value in pairs.items())

    def _pairs(self, record: logging.LogRecord) -> dict[str, Any]:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        pairs = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        fields = getattr(record, FIELDS, None)
        if fields is None:
            pairs["message"] = record.getMessage()
        else:
            pairs |= {"event": record.getMessage(), **fields}
        if record.exc_info:
            pairs["traceback"] = self.formatException(record.exc_info)
        return pairs


def _log_format() -> str:
    try:
        return conf.get().LOG_FORMAT
    except ImproperlyConfigured:  # Told by the command and by ``check``, not by every line.
        return "line"


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, (list, tuple)):
        return [_masked(item) for item in value]
    return value


def _quoted(value: Any) -> str:
    """A value as it stands where that is one plain word, else as a JSON string."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    if text and text.isprintable() and not set(text) & set(" \"=\\'"):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
