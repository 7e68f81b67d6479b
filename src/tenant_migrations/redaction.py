"""Redaction: no secret leaves the process in a message, a log line or an alert."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

MASK = "***"

SHORTEST = 4
"""Shorter passwords are no secret, and masking them would mask half of every text."""

NAMED = re.compile(
    r"""\b(password|passwd|passphrase|secret|token|api[_-]?key)(["']?\s*[=:]\s*)"""
    r"""("[^"]*"|'[^']*'|\S+)""",
    re.IGNORECASE,
)
IN_URL = re.compile(r"(\w://)\S+@")


def redacted(text: str) -> str:
    """The text with the project's passwords and keys, and credentials in URLs, masked."""
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = IN_URL.sub(rf"\1{MASK}@", text)
    return NAMED.sub(rf"\1\2{MASK}", text)


def _secrets() -> Iterator[str]:
    databases: Mapping[str, Mapping[str, Any]] = settings.DATABASES
    known = [database.get("PASSWORD") for database in databases.values()]
    known += [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    known.append(getattr(settings, "EMAIL_HOST_PASSWORD", ""))
    for secret in known:
        if isinstance(secret, str) and len(secret) >= SHORTEST:
            yield secret
