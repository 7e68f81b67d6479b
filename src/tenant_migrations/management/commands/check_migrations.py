from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandParser

from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.cli.files import replace_file, replaceable
from tenant_migrations.cli.progress import ProgressReporter
from tenant_migrations.gate.cases import Verdict, as_junit, as_lines
from tenant_migrations.gate.old import OldCode
from tenant_migrations.gate.trying import Gate
from tenant_migrations.vocabulary import ExitCode


class Command(FleetCommand):
    help = "Check changed migrations before they are merged, against the code that runs now."
    examples = """examples:
  manage.py check_migrations --old=../main --seed="bootstrap_demo_tenant"
  manage.py check_migrations --old=../main --seed="loaddata small" --junit=migrations.xml
  manage.py check_migrations --old=../main --seed=... --old-test="python -m pytest tests/smoke"

The database of the settings must have no tenants; it is for throwing away. Run it from the folder
of the new code's manage.py.

exit codes: 0 nothing wrong, 1 findings, 2 wrong use, 3 could not be checked
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--old", required=True, metavar="DIR", help="the code that runs now, checked out"
        )
        parser.add_argument(
            "--seed",
            action="append",
            required=True,
            metavar="LINE",
            help="for the old code's manage.py: makes tenants with data; may be repeated",
        )
        parser.add_argument(
            "--old-test",
            action="append",
            default=[],
            metavar="LINE",
            help="run in DIR once the new migrations are applied; may be repeated",
        )
        parser.add_argument("--junit", metavar="FILE", help="write the cases there as JUnit's XML")

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        old = OldCode.at(options["old"], Path.cwd().resolve())
        target = replaceable("--junit", options["junit"]) if options["junit"] is not None else None
        with ProgressReporter(no_color=options["no_color"]) as progress:
            cases = Gate(old, options["seed"], options["old_test"], progress).pass_through()
        if target:
            replace_file(target, as_junit(cases))
        answer.write("\n".join(as_lines(cases)))
        failed = any(case.verdict is Verdict.FAILED for case in cases)
        return ExitCode.FINDINGS if failed else ExitCode.CLEAN
