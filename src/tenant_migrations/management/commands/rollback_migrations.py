import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from tenant_migrations import conf
from tenant_migrations.backup import clients, journal, undoing
from tenant_migrations.backup.app import AppDeed
from tenant_migrations.backup.catalogue import entries
from tenant_migrations.backup.deeds import (
    MOST_NAMED,
    Deed,
    Outcome,
    Plan,
    Safety,
    SeveralDeeds,
    TenantDeed,
    folder_beside,
)
from tenant_migrations.backup.folder import Folder
from tenant_migrations.backup.manifest import TENANTS
from tenant_migrations.backup.opening import Opened, open_backup
from tenant_migrations.backup.outlook import refuse_unfit
from tenant_migrations.backup.verifying import verify
from tenant_migrations.backup.whole import DatabaseDeed, drop_kept
from tenant_migrations.cli import options as shared
from tenant_migrations.cli.backups import contents
from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.cli.printable import printable
from tenant_migrations.cli.progress import ProgressReporter
from tenant_migrations.database import one_line, reading
from tenant_migrations.exceptions import Refused, TenantMigrationsError, WrongUse
from tenant_migrations.fleet.findings import VERIFY, named, plural
from tenant_migrations.fleet.graph import Code
from tenant_migrations.vocabulary import ExitCode

TRIGGER = "rollback"
"""What the records of a rollout say that began after a rollback."""


class Command(FleetCommand):
    help = "Take back the database, a tenant, one app, or exactly what one rollout did."
    examples = """examples:
  manage.py rollback_migrations BACKUP --tenant=acme --dry-run      what would be lost
  manage.py rollback_migrations BACKUP --tenant=acme                a tenant as in the backup
  manage.py rollback_migrations BACKUP --tenant=acme --app=finance  one app of it, nothing else
  manage.py rollback_migrations BACKUP --app=finance --migrations-only   reversed, rows kept
  manage.py rollback_migrations BACKUP --tenant=acme --migrate-forward   and then to the code
  manage.py rollback_migrations BACKUP                              the whole database
  manage.py rollback_migrations --run=17                            what rollout 17 did
  manage.py rollback_migrations --rehearse                          how long a restore takes

exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 could not ask, 75 another is at work
"""

    def add_arguments(self, parser: CommandParser) -> None:
        shared.add_output_options(parser)
        parser.add_argument("backup", nargs="?", metavar="BACKUP", help="a backup's path")
        parser.add_argument(
            "--tenant", metavar="NAME", help="only the tenant with exactly this schema name"
        )
        parser.add_argument(
            "--app", metavar="LABEL", help="only this app, of --tenant or of all tenants"
        )
        parser.add_argument(
            "--migrations-only",
            action="store_true",
            help="with --app: reverse its migrations down to what the backup records, rows kept",
        )
        parser.add_argument(
            "--run", type=shared.number, metavar="ROLLOUT", help="undo what this rollout did"
        )
        parser.add_argument(
            "--from-backup",
            action="store_true",
            help="with --run: from the backup that the rollout made, not by reversing",
        )
        parser.add_argument(
            "--rehearse",
            action="store_true",
            help="restore the newest backup into a scratch database, and say how long it took",
        )
        parser.add_argument(
            "--drop-kept",
            action="store_true",
            help="drop the databases that rollbacks of the whole database replaced",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )
        parser.add_argument(
            "--force", action="store_true", help="do not ask; all checks are made all the same"
        )
        parser.add_argument(
            "--trust-foreign",
            action="store_true",
            help="restore a backup that another installation made: its SQL runs with your rights",
        )
        parser.add_argument(
            "--migrate-forward",
            action="store_true",
            help="afterwards apply the migrations that the code has and the backup has not",
        )
        parser.add_argument(
            "--no-safety-backup",
            action="store_true",
            help="make no backup of what is replaced",
        )
        parser.add_argument(
            "--dir",
            metavar="FOLDER",
            help="where that backup goes (default: beside BACKUP, else BACKUP_DIR)",
        )

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        self._refuse_contradictions(options)
        progress = ProgressReporter(wanted=not options["quiet"], no_color=options["no_color"])
        with journal.alone() as cleared:
            for line in cleared:
                self.stderr.write(f"note: {printable(line)}", self.style.WARNING)
            if options["rehearse"]:
                return self._rehearse(answer, progress, options)
            if options["drop_kept"]:
                return self._drop_kept(answer, options)
            deed = self._deed(options)
            with progress:
                plan = deed.plan(progress)
            if options["dry_run"]:
                self._answer(answer, "planned", plan, plan.lines, plan.document, options)
                return ExitCode.CLEAN
            self._agree(plan, options)
            with progress:
                outcome = deed.perform(progress)
        return self._finish(answer, plan, outcome, progress, options)

    def _refuse_contradictions(self, options: dict[str, Any]) -> None:
        given = {
            "BACKUP": options["backup"] is not None,
            "--run": options["run"] is not None,
            "--rehearse": options["rehearse"],
            "--drop-kept": options["drop_kept"],
        }
        chosen = [flag for flag, is_given in given.items() if is_given]
        if chosen not in (["BACKUP"], ["--run"], ["--rehearse"], ["--drop-kept"]) and chosen != [
            "BACKUP",
            "--rehearse",
        ]:
            raise WrongUse(
                "name one thing to take back: a BACKUP or --run=ROLLOUT (manage.py "
                "backup_database --list shows the backups)"
                if not chosen
                else f"{' and '.join(chosen)} do not go together"
            )
        if options["migrations_only"] and options["app"] is None:
            raise WrongUse("--migrations-only needs --app")
        if options["from_backup"] and options["run"] is None:
            raise WrongUse("--from-backup needs --run")
        if options["app"] is not None and options["backup"] is None:
            raise WrongUse("--app needs a BACKUP")
        restores = options["from_backup"] or (options["backup"] and not options["rehearse"])
        if options["migrate_forward"] and (options["migrations_only"] or not restores):
            raise WrongUse("--migrate-forward is for what comes from a backup: leave it away")

    def _finish(
        self,
        answer: IO[str],
        plan: Plan,
        outcome: Outcome,
        progress: ProgressReporter,
        options: dict[str, Any],
    ) -> ExitCode:
        """Say what was done; bring what is behind the code now to it, if that is wished."""
        if not options["json"]:
            self._answer(answer, "done", plan, outcome.lines, {}, options)
        lines, document = [*_further(outcome, plan)], dict[str, Any]()
        code = ExitCode.FINDINGS if outcome.failed else ExitCode.CLEAN
        if outcome.behind and self._goes_forward(outcome, options):
            # A database has been replaced as a whole, and public may be behind as well.
            names = [] if plan.scope == "database" else [*outcome.behind]
            try:
                healed, document = self._go_forward(names, answer, progress, options)
            except (TenantMigrationsError, DatabaseError) as error:
                lines.insert(0, f"it was not brought to the code: {one_line(error)}")
                document, code = {"fix": None, "fix_error": one_line(error)}, ExitCode.FINDINGS
            else:
                lines, code = [], max(code, healed)
        document = outcome.document | {"behind": dict(outcome.behind)} | document
        self._answer(answer, "issues" if code else "done", plan, lines, document, options)
        return code

    def _go_forward(
        self,
        names: list[str],
        answer: IO[str],
        progress: ProgressReporter,
        options: dict[str, Any],
    ) -> tuple[ExitCode, dict[str, Any]]:
        """Heal these tenants, or the whole fleet where none is named."""
        # Imported where they are needed: most rollbacks start without.
        from tenant_migrations.cli.json import summary_document  # noqa: PLC0415
        from tenant_migrations.cli.text import TextRenderer  # noqa: PLC0415
        from tenant_migrations.fleet.survey import Question  # noqa: PLC0415
        from tenant_migrations.observability.heals import heal_on_record  # noqa: PLC0415
        from tenant_migrations.rollout.running import Order  # noqa: PLC0415

        with progress:
            order = Order(Question(names), trigger=TRIGGER)
            report, summary = heal_on_record(order, Code(), progress)
        if not options["json"]:
            text = TextRenderer(answer, no_color=options["no_color"])
            text.summary(summary)
            text.report(report, quiet=options["quiet"])
        return report.exit_code, {"fix": summary_document(summary)}

    def _goes_forward(self, outcome: Outcome, options: dict[str, Any]) -> bool:
        """As the options say, or the person who sits there."""
        if options["migrate_forward"]:
            return True
        asked = options["force"] or options["json"] or options["quiet"]
        if asked or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        what = named([*outcome.behind], MOST_NAMED)
        sys.stderr.write(f"{printable(what)} is behind the code now: bring it there? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def _deed(self, options: dict[str, Any]) -> Deed:
        code, tenant, app = Code(), options["tenant"], options["app"]
        if options["run"] is not None:
            if options["from_backup"]:
                return self._run_from_backup(options, code)
            return undoing.of_run(options["run"], tenant, code)
        opened = self._opened(options["backup"], options)
        names = [] if tenant is None else [tenant]
        if app is not None and options["migrations_only"]:
            return undoing.of_app(opened, app, names, code)
        safety = self._safety(opened.path, options)
        if app is not None:
            return AppDeed(opened, app, names, code, safety)
        if tenant is not None:
            return TenantDeed(opened, tenant, code, safety)
        return DatabaseDeed(opened, code, safety)

    def _run_from_backup(self, options: dict[str, Any], code: Code) -> Deed:
        path, names = undoing.backup_of_run(options["run"])
        if options["tenant"] is not None:
            names = [name for name in names if name == options["tenant"]]
        opened = self._opened(path, options)
        safety = self._safety(opened.path, options)
        deeds = [TenantDeed(opened, name, code, safety) for name in names]
        return SeveralDeeds("run", deeds, options["tenant"] or str(options["run"]))

    def _opened(self, path: str, options: dict[str, Any]) -> Opened:
        opened = open_backup(path)
        with reading() as connection:
            refuse_unfit(connection, opened, trusted=options["trust_foreign"])
            warning = clients.find(connection.info.server_version).warning
        if warning:
            self.stderr.write(f"warning: {printable(warning)}", self.style.WARNING)
        return opened

    def _safety(self, backup: Path, options: dict[str, Any]) -> Safety:
        if options["no_safety_backup"]:
            return Safety(None)
        if options["dir"] is not None:
            return Safety(Folder.at(options["dir"], "--dir", create=True))
        beside = folder_beside(backup.absolute())
        try:
            return Safety(Folder.at(str(beside), "the backup's folder", create=False))
        except WrongUse:
            return Safety(Folder.at(conf.get().BACKUP_DIR, "BACKUP_DIR", create=True))

    def _rehearse(
        self, answer: IO[str], progress: ProgressReporter, options: dict[str, Any]
    ) -> ExitCode:
        if options["backup"] is not None:
            opened = self._opened(options["backup"], options)
        else:
            folder = options["dir"] if options["dir"] is not None else conf.get().BACKUP_DIR
            found = Folder.at(folder, "--dir" if options["dir"] else "BACKUP_DIR", create=False)
            opened = self._opened(str(_newest(found)), options)
        with progress:
            verified = verify(opened, progress, rehearsal=True)
        line = (
            f"{opened.path}: {contents(opened.manifest)}: restored in {verified.seconds:.1f} s, "
            "all as recorded"
        )
        document = {"path": str(opened.path), "restore_seconds": verified.seconds}
        self._answer(answer, "done", Plan("rehearsal", (), ""), [line], document, options)
        return ExitCode.CLEAN

    def _drop_kept(self, answer: IO[str], options: dict[str, Any]) -> ExitCode:
        dropped = drop_kept()
        lines = [f"dropped {name}" for name in dropped] or ["no database was kept"]
        document = {"dropped": dropped}
        self._answer(answer, "done", Plan("kept", (), ""), lines, document, options)
        return ExitCode.CLEAN

    def _agree(self, plan: Plan, options: dict[str, Any]) -> None:
        """Have the name typed, where there is a person; ``--force`` skips this and nothing else."""
        if options["force"]:
            return
        if options["json"] or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise WrongUse("nobody is there to agree: look with --dry-run, then use --force")
        for line in plan.lines:
            self.stderr.write(printable(line))
        sys.stderr.write(f"type {printable(plan.phrase)} to go on: ")
        sys.stderr.flush()
        if sys.stdin.readline().rstrip("\n") != plan.phrase:
            raise Refused("nothing was changed: that was not what had to be typed")

    def _answer(
        self,
        answer: IO[str],
        status: str,
        plan: Plan,
        lines: Any,
        document: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        if options["json"]:
            answer.write(
                json.dumps({"status": status, "error": None, "scope": plan.scope} | document)
            )
        elif not options["quiet"]:
            for line in lines:
                answer.write(printable(line))


def _further(outcome: Outcome, plan: Plan) -> Iterator[str]:
    """What to type where the code is further than what was restored."""
    if plan.scope == "database" and outcome.behind:
        schemas = plural(len(outcome.behind), "schema")
        yield f"the code is further than {schemas} of it: {VERIFY} --fix"
        return
    for schema, count in outcome.behind.items():
        what = plural(count, "migration")
        yield f"the code is {what} further: {VERIFY} --fix --tenant={schema}"


def _newest(folder: Folder) -> Path:
    """The newest backup, one of the whole fleet if there is any."""
    good = [entry for entry in entries(folder) if entry.manifest and not entry.problem]
    of_all = [entry for entry in good if entry.manifest and entry.manifest.kind != TENANTS]
    if not good:
        raise Refused(f"there is no backup in {folder.path} to rehearse with")
    return (of_all or good)[-1].path
