"""What the platform's commands have in common: errors of one line, and their exit codes."""

import signal
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, ProgrammingError
from psycopg.errors import InsufficientPrivilege

from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.vocabulary import ExitCode
from zumodra.tenants.provisioning import first_line

INTERRUPTED = 130


class PlatformCommand(BaseCommand):
    """Turns errors into one line on stderr and the exit code that belongs to them.

    A polite kill is treated like Ctrl-C, so that both clean up.
    """

    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if getattr(self, "_called_from_command_line", False):

            def refuse(message: str) -> NoReturn:
                parser.exit(
                    ExitCode.WRONG_USE, f"{subcommand}: {message}; see {subcommand} --help\n"
                )

            parser.error = refuse  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except TenantMigrationsError as error:
            raise CommandError(str(error), returncode=int(error.exit_code)) from error
        except (OperationalError, InterfaceError) as error:
            raise _could_not_ask(f"The database can't be used: {first_line(error)}") from error
        except ProgrammingError as error:
            if isinstance(error.__cause__, InsufficientPrivilege):
                raise _could_not_ask(f"The database refused: {first_line(error)}") from error
            raise
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted; no tenant is left half made. Run it again to go on.",
                returncode=INTERRUPTED,
            ) from None

    def run_from_argv(self, argv: list[str]) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        super().run_from_argv(argv)


def _could_not_ask(what: str) -> CommandError:
    return CommandError(
        f"{what}. Check DATABASE_URL, or the server's state, and run this again.",
        returncode=int(ExitCode.COULD_NOT_ASK),
    )
