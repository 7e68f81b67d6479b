"""`embedded_postgres`: start, stop and look at the checkout's own PostgreSQL."""

import json
import os
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from zumodra.embedded_postgres.exceptions import EmbeddedPostgresError
from zumodra.embedded_postgres.launcher import EmbeddedPostgres, ServerStatus, default_server

COULD_NOT = 3
EXAMPLES = """\
examples:
  python manage.py embedded_postgres start        start it; does nothing when it runs
  python manage.py embedded_postgres status       exit code 0 when it runs, 1 when not
  python manage.py embedded_postgres status --json
  DATABASE_URL="$(python manage.py embedded_postgres url)" some-program
  python manage.py embedded_postgres stop         end its sessions and wait for its end

Other commands start the server by themselves when DATABASE_URL is not set. Its files are in
var/postgres of the checkout, or in the folder that EMBEDDED_POSTGRES_ROOT names.

exit codes: 0 done (status: it runs), 1 status: it does not run, 2 wrong use, 3 it could not
be started, stopped or looked at"""


class Command(BaseCommand):
    """Parses, calls the launcher and prints."""

    help = "Start, stop or look at the PostgreSQL server that comes with the checkout."
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the lines of the examples as they are."""
        kwargs |= {"formatter_class": RawDescriptionHelpFormatter, "epilog": EXAMPLES}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """One action, and for `status` the format."""
        parser.add_argument("action", choices=("start", "stop", "status", "url"))
        parser.add_argument("--json", action="store_true", help="with status: one JSON document")

    def handle(self, *, action: str, json: bool, **options: Any) -> None:
        """Exit codes as the help says."""
        if json and action != "status":
            raise CommandError("--json goes with status only", returncode=2)
        server = default_server()
        try:
            if action == "start":
                server.start()
            elif action == "stop":
                server.stop()
            self._report(server, action, json)
        except EmbeddedPostgresError as error:
            raise CommandError(str(error), returncode=COULD_NOT) from error

    def _report(self, server: EmbeddedPostgres, action: str, as_json: bool) -> None:
        if action == "url":
            self.stdout.write(server.url())
            return
        status = server.status()
        self.stdout.write(_as_json(status) if as_json else _as_line(status))
        if os.environ.get("DATABASE_URL"):
            self.stderr.write("note: DATABASE_URL is set, so other commands do not use this server")
        if action == "status" and not status.running:
            raise SystemExit(1)


def _as_line(status: ServerStatus) -> str:
    if not status.running:
        return f"{status.state} (data: {status.data_directory})"
    return f"running (process {status.pid}, data: {status.data_directory}, url: {status.url})"


def _as_json(status: ServerStatus) -> str:
    return json.dumps(
        {
            "state": status.state,
            "running": status.running,
            "pid": status.pid,
            "url": status.url,
            "data_directory": str(status.data_directory),
            "socket_directory": str(status.socket_directory),
            "log": str(status.log),
            "account": status.account,
        }
    )
