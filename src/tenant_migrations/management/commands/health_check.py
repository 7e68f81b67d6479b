import contextlib
import json
import math
import os
import sys
from argparse import ArgumentTypeError
from typing import IO, Any

from django.core.management.base import CommandParser

from tenant_migrations import conf
from tenant_migrations.cli import options as shared
from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.health import library
from tenant_migrations.health.report import empty_document
from tenant_migrations.health.running import examine
from tenant_migrations.health.telling import tell_health
from tenant_migrations.health.text import HealthText
from tenant_migrations.observability.alerts.channels import NOBODY, channels
from tenant_migrations.vocabulary import ExitCode

LONGEST_SECONDS = 3600


def seconds(text: str) -> float:
    """A time limit, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value <= LONGEST_SECONDS:
        return value
    raise ArgumentTypeError(
        f"{text!r} is not a number of seconds above 0, {LONGEST_SECONDS} at most"
    )


class Command(FleetCommand):
    help = "Say whether the database, the fleet and what the project rests on are well."
    examples = """examples:
  manage.py health_check                      database, cache and public's migrations
  manage.py health_check --full               all checks
  manage.py health_check --full --json        the same for a program
  manage.py health_check --full --quiet       only what is not healthy, nothing when all is
  manage.py health_check --full --timeout=60  when a check needs more time than the settings give
  manage.py health_check --full --quiet --alert   for cron: also tell people, and when it is over

exit codes: 0 healthy, 1 degraded or unhealthy, 2 wrong use, 3 could not ask
"""

    _overran = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--full", action="store_true", help="make all checks")
        shared.add_output_options(parser)
        parser.add_argument(
            "--timeout",
            type=seconds,
            metavar="S",
            help="seconds that each check has (default: HEALTH_TIMEOUT_SECONDS in the settings)",
        )
        shared.add_alert_option(parser)

    def error_document(self, message: str) -> dict[str, Any]:
        return empty_document() | super().error_document(message)

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        told = channels() if options["alert"] else ()
        timeout = options["timeout"] or float(conf.get().HEALTH_TIMEOUT_SECONDS)
        with library.silenced() if options["quiet"] else contextlib.nullcontext():
            report = examine(full=options["full"], timeout=timeout)
        self._overran = report.overran
        if options["json"]:
            answer.write(json.dumps(report.document()))
        else:
            HealthText(answer, no_color=options["no_color"]).report(report, quiet=options["quiet"])
        if told:
            self.warn(tell_health(report, told, full=options["full"]))
        elif options["alert"]:
            self.warn([NOBODY])
        return report.exit_code

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own, which no check that hangs keeps from ending."""
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            if self._overran:
                sys.stdout.flush()
                sys.stderr.flush()
                # The interpreter would wait for threads of pools in which a check still hangs.
                os._exit(int(end.code or 0))
            raise
