"""`break_demo_tenants`: six demo tenants, broken in six ways, to see them found and healed."""

from typing import Any

from django.core.management.base import CommandParser

from tenant_migrations.cli.progress import ProgressReporter
from zumodra.demo import breaking
from zumodra.demo.breakages import BREAKAGES, Breakage
from zumodra.tenants.management.base import PlatformCommand


class Command(PlatformCommand):
    help = (
        "Break six demo tenants in six ways. What an earlier run left broken is made anew first. "
        "Refused where DATABASE_URL names a database with tenants that are no demo."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done and do nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            breaking.refuse_real_tenants()
            for breakage in BREAKAGES:
                self._tell(breakage)
            return
        with ProgressReporter() as progress:
            breaking.break_all(self._tell, progress)

    def _tell(self, breakage: Breakage) -> None:
        self.stdout.write(f"{breakage.schema_name}  {breakage.status:<12}  {breakage.story}")
