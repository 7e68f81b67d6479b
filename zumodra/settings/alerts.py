"""Who is told of problems, from the environment."""

import re

BETWEEN = re.compile(r"\s*,\s*(?=[a-z][a-z0-9+.-]*:)", re.IGNORECASE)
"""A comma before the next scheme; others are part of a URL, as between addresses of a mail."""


def urls_from(text: str) -> list[str]:
    """The Apprise URLs in ``ALERT_URLS``, which commas separate."""
    return BETWEEN.split(text.strip().strip(",")) if text.strip() else []
