import json
from argparse import ArgumentTypeError
from typing import IO, Any

from django.core.management.base import CommandParser

from tenant_migrations import conf
from tenant_migrations.backup import catalogue
from tenant_migrations.backup.dumping import CUSTOM, DIRECTORY
from tenant_migrations.backup.folder import Folder
from tenant_migrations.backup.making import Made, make
from tenant_migrations.backup.opening import open_backup
from tenant_migrations.backup.orders import Order, look_ahead
from tenant_migrations.backup.scratch import live_database
from tenant_migrations.backup.verifying import Verified, verify
from tenant_migrations.cli import backups
from tenant_migrations.cli import options as shared
from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.cli.printable import printable
from tenant_migrations.cli.progress import ProgressReporter
from tenant_migrations.exceptions import WrongUse
from tenant_migrations.fleet.graph import Code
from tenant_migrations.vocabulary import ExitCode

MAKING = {
    "tenant": "--tenant",
    "per_tenant": "--per-tenant",
    "format": "--format",
    "jobs": "--jobs",
    "verify": "--verify",
    "prune": "--prune",
    "dry_run": "--dry-run",
}
"""Options that mean nothing where no backup is made."""


class Command(FleetCommand):
    help = "Make a backup that can be trusted: whole, read back, and if asked for restored."
    examples = """examples:
  manage.py backup_database                          the whole database
  manage.py backup_database --tenant=acme --verify   one tenant, restored somewhere to be sure
  manage.py backup_database --per-tenant             an archive for each of thousands
  manage.py backup_database --format=directory --jobs=4   large tables side by side
  manage.py backup_database --prune                  and remove those past their time
  manage.py backup_database --dry-run                how much space it would take
  manage.py backup_database --list                   what there is

The last line on stdout is the path of the backup.
exit codes: 0 made, 1 not as it should be, 2 wrong use, 3 could not be made, 75 another is made
"""

    def add_arguments(self, parser: CommandParser) -> None:
        shared.add_output_options(parser)
        parser.add_argument(
            "--tenant",
            action="append",
            default=[],
            metavar="NAME",
            help="only the tenant with exactly this schema name; may be repeated",
        )
        parser.add_argument(
            "--per-tenant",
            action="store_true",
            help="an archive for each tenant: few locks at once, continued after a crash",
        )
        parser.add_argument(
            "--format",
            choices=(CUSTOM, DIRECTORY),
            help="of the archive: one file, or a folder with a file for each table, dumped over "
            "--jobs connections (default: custom)",
        )
        parser.add_argument(
            "--verify", action="store_true", help="restore it into a scratch database and compare"
        )
        parser.add_argument(
            "--prune", action="store_true", help="afterwards remove backups past their time"
        )
        parser.add_argument(
            "--keep-days",
            type=days,
            metavar="N",
            help="with --prune: what that time is (default: RETENTION_DAYS in the settings)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what it would take, and make none"
        )
        parser.add_argument("--list", action="store_true", help="list the backups there are")
        parser.add_argument(
            "--verify-existing", metavar="BACKUP", help="verify one that was made before"
        )
        parser.add_argument(
            "--dir",
            metavar="FOLDER",
            help="where they are (default: BACKUP_DIR in the settings)",
        )
        parser.add_argument(
            "--jobs",
            type=shared.number,
            metavar="N",
            help="with --per-tenant or --format=directory: how many connections dump side by side "
            "(default: JOBS in the settings)",
        )

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        self._refuse_contradictions(options)
        progress = ProgressReporter(wanted=not options["quiet"], no_color=options["no_color"])
        if options["verify_existing"] is not None:
            return self._verify_existing(answer, progress, options)
        order = Order(
            folder_of(options["dir"], create=not options["list"]),
            options["tenant"],
            options["per_tenant"],
            options["format"] or CUSTOM,
            options["jobs"] or conf.get().JOBS,
        )
        if options["list"]:
            return self._list(answer, order.folder, options["json"])
        if options["dry_run"]:
            return self._look_ahead(answer, order, options["json"])
        return self._make(answer, order, progress, options)

    def _refuse_contradictions(self, options: dict[str, Any]) -> None:
        if options["list"] or options["verify_existing"] is not None:
            flag = "--list" if options["list"] else "--verify-existing"
            for name, other in MAKING.items():
                if options[name]:
                    raise WrongUse(f"{flag} makes no backup: leave {other} away")
        if options["per_tenant"] and options["tenant"]:
            raise WrongUse("--per-tenant is for all tenants: leave --tenant away")
        if options["per_tenant"] and options["format"] == DIRECTORY:
            raise WrongUse("--per-tenant makes files side by side: leave --format=directory away")
        if options["jobs"] and not options["per_tenant"] and options["format"] != DIRECTORY:
            raise WrongUse("--jobs needs --per-tenant or --format=directory")
        if options["keep_days"] and not options["prune"]:
            raise WrongUse("--keep-days needs --prune")

    def _make(
        self, answer: IO[str], order: Order, progress: ProgressReporter, options: dict[str, Any]
    ) -> ExitCode:
        with progress:
            made = make(order, Code(), progress)
            verified = verify(open_backup(str(made.path)), progress) if options["verify"] else None
        removed = self._prune(made, order, options) if options["prune"] else []
        if options["json"]:
            document: dict[str, Any] = {"status": "ok", "error": None}
            document |= {"backup": backups.made_document(made)}
            document |= {"verified": _verified(verified), "removed": removed}
            answer.write(json.dumps(document))
            return ExitCode.CLEAN
        if not options["quiet"]:
            for line in backups.made_lines(made):
                answer.write(printable(line))
            if verified:
                answer.write(f"verified: restored in {verified.seconds:.1f} s, all as recorded")
            for name in removed:
                answer.write(f"removed {name}")
        answer.write(str(made.path))
        return ExitCode.CLEAN

    def _prune(self, made: Made, order: Order, options: dict[str, Any]) -> list[str]:
        keep = options["keep_days"] or conf.get().RETENTION_DAYS
        with order.folder.alone():
            return catalogue.prune(order.folder, live_database(), keep, made.path)

    def _look_ahead(self, answer: IO[str], order: Order, as_json: bool) -> ExitCode:
        outlook = look_ahead(order)
        if as_json:
            document = {"status": "ok", "error": None} | backups.outlook_document(outlook)
            answer.write(json.dumps(document))
        else:
            for line in backups.outlook_lines(outlook, str(order.folder.path)):
                answer.write(printable(line))
        return ExitCode.CLEAN if outlook.space.is_enough else ExitCode.FINDINGS

    def _list(self, answer: IO[str], folder: Folder, as_json: bool) -> ExitCode:
        found = catalogue.entries(folder)
        unwell = [entry for entry in found if entry.problem or entry.verify_error]
        if as_json:
            status = "issues" if unwell else "ok"
            listed = [backups.entry_document(entry) for entry in found]
            answer.write(json.dumps({"status": status, "error": None, "backups": listed}))
        else:
            for entry in found:
                answer.write(backups.entry_line(entry))
            if not found:
                answer.write(f"no backups in {folder.path}")
        return ExitCode.FINDINGS if unwell else ExitCode.CLEAN

    def _verify_existing(
        self, answer: IO[str], progress: ProgressReporter, options: dict[str, Any]
    ) -> ExitCode:
        opened = open_backup(options["verify_existing"])
        with progress:
            verified = verify(opened, progress)
        if options["json"]:
            document = {"status": "ok", "error": None, "path": str(opened.path)}
            answer.write(json.dumps(document | {"verified": _verified(verified)}))
        else:
            answer.write(
                f"{opened.path}: {backups.contents(opened.manifest)}: restored in "
                f"{verified.seconds:.1f} s, all as recorded"
            )
        return ExitCode.CLEAN


def days(text: str) -> int:
    """A number of days for argparse."""
    number = shared.number(text)
    if number > 36_500:
        raise ArgumentTypeError(f"{text!r} is more than 36500 days")
    return number


def folder_of(option: str | None, *, create: bool) -> Folder:
    """The folder with the backups. Raises ``WrongUse`` where none is named."""
    if option is not None:
        return Folder.at(option, "--dir", create=create)
    return Folder.at(conf.get().BACKUP_DIR, "BACKUP_DIR", create=create)


def _verified(verified: Verified | None) -> dict[str, Any] | None:
    if verified is None:
        return None
    return {"restore_seconds": verified.seconds, "rows": verified.rows}
