import json
import logging
import re
import signal
import threading
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from logging.handlers import WatchedFileHandler
from typing import IO, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandParser
from django.db import connections

from tenant_migrations.cli import options as shared
from tenant_migrations.cli.command import FleetCommand, exit_code_of, said
from tenant_migrations.cli.json import empty_document, report_document, summary_document
from tenant_migrations.cli.printable import printable
from tenant_migrations.cli.text import TextRenderer
from tenant_migrations.exceptions import WrongUse
from tenant_migrations.logs import EventFormatter
from tenant_migrations.observability.alerts.channels import Channel, channels
from tenant_migrations.observability.monitor import Cycle, look_once
from tenant_migrations.rollout.budget import allowed_failures
from tenant_migrations.vocabulary import ExitCode

UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST_SECONDS = 24 * 3600
BY_SIGNAL = "stopped by SIG"
"""How a rollout that a signal ended says why it stopped."""


def interval(text: str) -> int:
    """A time such as ``15m`` in seconds, for argparse."""
    found = re.fullmatch(r"([0-9]{1,5})([smh])", text, re.ASCII)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if 0 < seconds <= LONGEST_SECONDS:
        return seconds
    raise ArgumentTypeError(f"{text!r} is not a time such as 90s, 15m or 1h, 24h at most")


class Command(FleetCommand):
    help = "Verify the fleet unattended, heal it where that helps, and tell people of the rest."
    examples = """examples:
  manage.py monitor --once                          one look, for cron or a systemd timer
  manage.py monitor --every=15m                     a look every 15 minutes, until it is ended
  manage.py monitor --once --no-heal                look and tell, change nothing
  manage.py monitor --once --quiet --log-file=/var/log/migration_monitor.log

exit codes: 0 all well, 1 findings, 2 wrong use, 3 could not ask, 75 another one is at work;
with --every 0, once a signal ended it
"""

    def add_arguments(self, parser: CommandParser) -> None:
        how_often = parser.add_mutually_exclusive_group(required=True)
        how_often.add_argument("--once", action="store_true", help="look once")
        how_often.add_argument(
            "--every",
            type=interval,
            metavar="TIME",
            help="look again and again, such as 90s, 15m or 1h from one begin to the next",
        )
        parser.add_argument(
            "--no-heal", action="store_true", help="verify and tell, and change nothing"
        )
        parser.add_argument(
            "--max-failures",
            default="",
            metavar="N|P%",
            help="stop healing when more tenants than this have failed",
        )
        shared.add_executor_option(parser)
        parser.add_argument(
            "--log-file",
            metavar="FILE",
            help="append a line for each event to this file, and nowhere else",
        )
        parser.add_argument(
            "--json", action="store_true", help="with --once: print one JSON document"
        )
        parser.add_argument("--quiet", action="store_true", help="print only what is not well")

    def error_document(self, message: str) -> dict[str, Any]:
        return empty_document() | super().error_document(message)

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        allowed_failures(options["max_failures"], 0)
        if options["json"] and not options["once"]:
            raise WrongUse("--json prints one document: it needs --once")
        if options["log_file"] is not None:
            _log_to(options["log_file"])
        told = channels()
        if options["once"]:
            cycle = self._look(told, options)
            self._write(cycle, answer, options)
            return cycle.exit_code
        self._look_again_and_again(told, answer, options)
        return ExitCode.CLEAN

    def _look(self, told: Sequence[Channel], options: dict[str, Any]) -> Cycle:
        return look_once(
            told,
            may_heal=not options["no_heal"],
            max_failures=options["max_failures"],
            hands=shared.hands_of(options["executor"]),
        )

    def _look_again_and_again(
        self, told: Sequence[Channel], answer: IO[str], options: dict[str, Any]
    ) -> None:
        """Until SIGTERM or SIGINT; a look that has begun is ended first, one that fails does not
        end the monitor. Looks that would have begun meanwhile are left out."""
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        every, due = options["every"], time.monotonic()
        while not ended.is_set():
            try:
                cycle = self._look(told, options)
                self._write(cycle, answer, options)
                if cycle.healing and cycle.healing.stopped.startswith(BY_SIGNAL):
                    return  # A rollout takes signals itself while it runs.
            except ImproperlyConfigured:
                raise
            except Exception as error:
                if exit_code_of(error) is not ExitCode.BUSY or not options["quiet"]:
                    self.stderr.write(f"error: {printable(said(error))}", self.style.ERROR)
            finally:
                connections.close_all()
            due += every * max(1, -int((due - time.monotonic()) // every))
            ended.wait(max(0.0, due - time.monotonic()))

    def _write(self, cycle: Cycle, answer: IO[str], options: dict[str, Any]) -> None:
        self.warn(cycle.warnings)
        if options["json"]:
            healing = summary_document(cycle.healing) if cycle.healing else None
            answer.write(json.dumps(report_document(cycle.report) | {"fix": healing}))
            return
        text = TextRenderer(answer, no_color=options["no_color"])
        if cycle.healing and (cycle.healing.fixed or not options["quiet"]):
            text.summary(cycle.healing)
        text.report(cycle.report, quiet=options["quiet"])
        answer.flush()


def _log_to(path: str) -> None:
    """Write the app's events to a file instead of where ``LOGGING`` sends them: a run from cron
    whose fleet is well says nothing. A file that a rotation moved away is opened anew."""
    try:
        handler = WatchedFileHandler(path, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"--log-file={path} can't be written: {error.strerror}") from None
    handler.setFormatter(EventFormatter())
    logger = logging.getLogger("tenant_migrations")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
