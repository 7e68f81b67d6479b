"""What all commands share: exit codes, one-line errors, one JSON document."""

import contextlib
import json
import sys
from abc import abstractmethod
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable
from typing import IO, Any, NoReturn, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError

from tenant_migrations.apps import TenantMigrationsConfig
from tenant_migrations.cli.exiting import exit_without_collecting
from tenant_migrations.cli.printable import printable
from tenant_migrations.database import one_line, sqlstate
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.fleet.findings import VERIFY
from tenant_migrations.vocabulary import ExitCode

NOT_AS_NEEDED = {"42P01", "42703"}
"""Undefined table or column (PostgreSQL documentation, "PostgreSQL Error Codes")."""


class _HelpFormatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Keeps the lines of the examples as they are written."""


class _Parser(CommandParser):
    """Says in one line what is wrong with the arguments, and where to read more."""

    on_error: Callable[[str], NoReturn]

    def error(self, message: str) -> NoReturn:
        self.on_error(f"{message}; see manage.py {self.prog.split()[-1]} --help")


class FleetCommand(BaseCommand):
    """A command that answers with an exit code of ``ExitCode``.

    Subclasses implement ``run``. Errors become one line on stderr and, with ``--json``, a document
    with ``status`` ``error`` on stdout; ``--traceback`` shows where they came from. While ``run``
    works, what migrations print goes to stderr, as stdout belongs to the answer.
    """

    requires_system_checks = ()  # The checks of all apps take longer than the answer.
    examples = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(
            prog_name,
            subcommand,
            epilog=self.examples,
            formatter_class=_HelpFormatter,
            allow_abbrev=False,  # A mistyped option must not become another one.
            **kwargs,
        )
        parser.__class__ = _Parser
        parser.on_error = self._wrong_arguments  # type: ignore[attr-defined]
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        exit_without_collecting()
        super().run_from_argv(argv)

    @abstractmethod
    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        """Do the work, write the answer, and say how it went."""

    def warn(self, warnings: Iterable[str]) -> None:
        """A line on stderr for each; the exit code stays."""
        for warning in warnings:
            self.stderr.write(f"warning: {printable(warning)}", self.style.WARNING)

    def error_document(self, message: str) -> dict[str, Any]:
        """What ``--json`` prints when there is no answer."""
        return {"status": "error", "error": message}

    def handle(self, *args: Any, **options: Any) -> None:
        answer = cast(IO[str], self.stdout)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                code = self.run(answer=answer, **options)
        except Exception as error:
            if options["traceback"]:
                raise
            self._fail(said(error), exit_code_of(error), bool(options.get("json")))
        except KeyboardInterrupt:
            self._fail("interrupted", ExitCode.COULD_NOT_ASK, bool(options.get("json")))
        if code is not ExitCode.CLEAN:
            sys.exit(code)

    def _wrong_arguments(self, message: str) -> NoReturn:
        self._fail(message, ExitCode.WRONG_USE, "--json" in sys.argv)

    def _fail(self, message: str, code: ExitCode, as_json: bool) -> NoReturn:
        if as_json:
            self.stdout.write(json.dumps(self.error_document(message)))
        self.stderr.write(f"error: {printable(message)}", self.style.ERROR)
        sys.exit(code)


def said(error: Exception) -> str:
    """One line; an error that nobody foresaw is named, with how to see where it arose."""
    if sqlstate(error) in NOT_AS_NEEDED and TenantMigrationsConfig.name in one_line(error):
        return (
            f"the tables of {TenantMigrationsConfig.name} are not there, or not as this code needs "
            f"them: make them with {VERIFY} --fix"
        )
    if isinstance(error, (TenantMigrationsError, ImproperlyConfigured, DatabaseError)):
        return one_line(error)
    return f"{type(error).__name__}: {one_line(error)}; --traceback shows where"


def exit_code_of(error: Exception) -> ExitCode:
    if isinstance(error, TenantMigrationsError):
        return error.exit_code
    if isinstance(error, ImproperlyConfigured):
        return ExitCode.WRONG_USE
    return ExitCode.COULD_NOT_ASK
