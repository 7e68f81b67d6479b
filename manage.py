#!/usr/bin/env python
"""Django's command line for the platform: `python manage.py help`."""

import json
import os
import sys
from typing import NoReturn


def main() -> None:
    """Run the command that the arguments name; faulty settings are answered in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zumodra.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ImportError:
        fail("Django is not installed here: run ./scripts/setup.sh, then .venv/bin/python", 3)
    from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EmbeddedPostgresError) as error:
        if "--traceback" in sys.argv:
            raise
        fail(str(error), 2 if isinstance(error, ImproperlyConfigured) else 3)


def fail(message: str, code: int) -> NoReturn:
    """End with one line on stderr, and with `--json` a document on stdout."""
    message = " ".join(message.split())
    if "--json" in sys.argv:
        print(json.dumps({"status": "error", "error": message}))
    print(f"manage.py: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
