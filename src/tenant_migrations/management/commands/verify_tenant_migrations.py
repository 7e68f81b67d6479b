import json
import sys
from collections.abc import Sequence
from typing import IO, Any

from django.core.management.base import CommandParser

from tenant_migrations import conf
from tenant_migrations.backup.before_heal import back_up_for, belongs_to
from tenant_migrations.backup.folder import Folder
from tenant_migrations.backup.making import Made
from tenant_migrations.cli import options as shared
from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.cli.forecast import total_document
from tenant_migrations.cli.json import (
    empty_document,
    plan_document,
    preflight_document,
    report_document,
    summary_document,
)
from tenant_migrations.cli.progress import ProgressReporter
from tenant_migrations.cli.text import TextRenderer
from tenant_migrations.exceptions import Refused, WrongUse
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.observability import history
from tenant_migrations.observability.alerts.channels import NOBODY, Channel, channels
from tenant_migrations.observability.alerts.telling import tell_failure, tell_report
from tenant_migrations.observability.heals import heal_on_record
from tenant_migrations.rollout.forecast import forecast
from tenant_migrations.rollout.preview import statements_of
from tenant_migrations.rollout.running import Order, fitted, preview
from tenant_migrations.rollout.verifying import verify
from tenant_migrations.vocabulary import ExitCode

PARTIAL = {
    "tenant": "--tenant",
    "app": "--app",
    "no_structure": "--no-structure",
    "dry_run": "--dry-run",
}
"""Options under which an answer is not on the whole fleet."""


class Command(FleetCommand):
    help = "Say whether every tenant is at the code, and with --fix bring it there."
    examples = """examples:
  manage.py verify_tenant_migrations                       is all well?
  manage.py verify_tenant_migrations --json                the same for a program
  manage.py verify_tenant_migrations --tenant=acme         one tenant (repeat for more)
  manage.py verify_tenant_migrations --fix --dry-run       what healing would do, as SQL
  manage.py verify_tenant_migrations --fix                 heal all that can be proven safe
  manage.py verify_tenant_migrations --fix --reconcile     also record what is there unrecorded
  manage.py verify_tenant_migrations --fix --alert         heal, and tell people what remains

exit codes: 0 all well, 1 findings, 2 wrong use, 3 could not ask, 75 another run is at work
"""

    def add_arguments(self, parser: CommandParser) -> None:
        shared.add_output_options(parser)
        shared.add_question_options(parser)
        shared.add_healing_options(parser)
        shared.add_trigger_option(parser)
        shared.add_alert_option(parser)

    def error_document(self, message: str) -> dict[str, Any]:
        return empty_document() | super().error_document(message)

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        text = TextRenderer(answer, no_color=options["no_color"])
        progress = ProgressReporter(wanted=not options["quiet"], no_color=options["no_color"])
        if not options["fix"]:
            shared.refuse_healing_options(options)
        channels = self._channels(options) if options["alert"] else ()
        if options["dry_run"]:
            order = shared.order_from(options)
            return self._preview(order, answer, text, progress, options["json"])
        try:
            report = self._ask(answer, text, progress, options)
        except Exception as error:
            self.warn(tell_failure(error, channels) if channels else ())
            raise
        self.warn(tell_report(report, channels) if channels else ())
        return report.exit_code

    def _ask(
        self,
        answer: IO[str],
        text: TextRenderer,
        progress: ProgressReporter,
        options: dict[str, Any],
    ) -> FleetReport:
        """Verify or heal, and write the answer."""
        if not options["fix"]:
            question, trigger = shared.question_from(options), options["trigger"]
            with history.recorded(trigger=trigger, question=question), progress:
                report = verify(question, Code(), progress)
            history.record(report, trigger=trigger, question=question)
            document = report_document(report)
        else:
            order = shared.order_from(options)
            self._confirm(order, text, progress, options)
            made = self._back_up(order, progress) if options["backup"] else None
            with progress:
                report, summary = heal_on_record(order, Code(), progress)
            if made:
                belongs_to(made, summary.rollout)
            document = report_document(report) | {
                "fix": summary_document(summary),
                "preflight": preflight_document(summary.preflight),
            }
            if not options["json"]:
                text.summary(summary)
        if options["json"]:
            answer.write(json.dumps(document))
        else:
            text.report(report, quiet=options["quiet"])
        return report

    def _back_up(self, order: Order, progress: ProgressReporter) -> Made | None:
        """Of what would be changed now; where it can't be made, nothing is changed."""
        folder = Folder.at(conf.get().BACKUP_DIR, "BACKUP_DIR", create=True)
        with progress:
            _, plan = preview(order, Code(), progress)
            made = back_up_for(plan, folder, Code(), progress)
        if made:
            self.stderr.write(f"backup: {made.path}")
        return made

    def _channels(self, options: dict[str, Any]) -> Sequence[Channel]:
        """Who is to be told. Only an answer on everything says what is a problem and what over."""
        for name, flag in PARTIAL.items():
            if options[name]:
                raise WrongUse(f"--alert tells of the whole fleet: leave {flag} away")
        found = channels()
        if not found:
            self.warn([NOBODY])
        return found

    def _preview(
        self,
        order: Order,
        answer: IO[str],
        text: TextRenderer,
        progress: ProgressReporter,
        as_json: bool,
    ) -> ExitCode:
        with progress:
            order, found = fitted(order)
            report, plan = preview(order, Code(), progress)
            statements = {task.schema_name: statements_of(task) for task, _ in plan.variants()}
            expected = forecast(plan, statements, order.question.jobs)
        if as_json:
            document = report_document(report) | {
                "plan": plan_document(plan, statements, expected),
                "forecast": total_document(expected),
                "preflight": preflight_document(found.findings),
            }
            answer.write(json.dumps(document))
        else:
            text.preflight(found.findings)
            text.plan(plan, statements, expected)
        return report.exit_code

    def _confirm(
        self, order: Order, text: TextRenderer, progress: ProgressReporter, options: dict[str, Any]
    ) -> None:
        """Ask once before changing anything, where there is a person to ask."""
        if options["no_input"] or options["json"]:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return
        with progress:
            order, found = fitted(order)
            _, plan = preview(order, Code(), progress)
        if plan.tasks:
            text.preflight(found.findings)
            text.plan_summary(plan)
            sys.stderr.write("go on? [y/N] ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise Refused("nothing was changed, as you said")
