import tempfile
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from django.core.management.base import CommandParser
from django.utils import timezone

from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.cli.files import replace_file, replaceable
from tenant_migrations.cli.options import number
from tenant_migrations.cli.printable import printable
from tenant_migrations.exceptions import TenantMigrationsError, WrongUse
from tenant_migrations.observability.alerts.channels import REPORT, channels
from tenant_migrations.observability.alerts.messages import Message, Tone
from tenant_migrations.observability.alerts.telling import send_report
from tenant_migrations.observability.report import document, html, markdown, text, wording
from tenant_migrations.observability.report.data import Report
from tenant_migrations.observability.report.gather import gather
from tenant_migrations.observability.report.period import Period, iso_week, last_days
from tenant_migrations.vocabulary import ExitCode

FORMATS: dict[str, ModuleType] = {
    "text": text,
    "markdown": markdown,
    "html": html,
    "json": document,
}
SUFFIXES = {".md": "markdown", ".html": "html", ".htm": "html", ".json": "json"}
"""Formats that the name of ``--output`` stands for; any other is text."""

DEFAULT_DAYS = 7


class Command(FleetCommand):
    help = "Report on a week of the fleet: status, trends, checks, heals, and what to do."
    examples = """examples:
  manage.py migration_report                                    the last seven days
  manage.py migration_report --week=2026-W47                    one week, Monday to Sunday
  manage.py migration_report --output=report.html               a page for a browser
  manage.py migration_report --send                             to whom ALERT_URLS names

exit codes: 0 nothing to do at once, 1 action items, 2 wrong use, 3 not read, written or sent
"""

    def add_arguments(self, parser: CommandParser) -> None:
        time = parser.add_mutually_exclusive_group()
        time.add_argument("--week", metavar="YYYY-Wnn", help="an ISO week")
        time.add_argument("--days", type=number, metavar="N", help="days up to now (default: 7)")
        parser.add_argument(
            "--format",
            choices=FORMATS,
            help="default: what the name of --output stands for, else text",
        )
        parser.add_argument(
            "--output", metavar="FILE", help="write there instead of to standard output"
        )
        parser.add_argument(
            "--send", action="store_true", help="send it to the report's receivers in ALERT_URLS"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """As ``FleetCommand``, for which ``--format=json`` is ``--json``."""
        super().handle(*args, **options, json=options["format"] == "json")

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        output: str | None = options["output"]
        target = replaceable("--output", output) if output is not None else None
        receivers = channels() if options["send"] else ()
        if options["send"] and not any(channel.takes(REPORT) for channel in receivers):
            raise WrongUse("--send, but nobody gets the report: name somebody in ALERT_URLS")
        now = timezone.now()
        report = gather(self._period(options), now)
        wanted = options["format"] or SUFFIXES.get(target.suffix.lower() if target else "", "text")
        rendered: str = FORMATS[wanted].render(report)
        if target:
            replace_file(target, rendered)
        elif not options["send"] or options["format"]:
            answer.write(rendered.removesuffix("\n"))
        if options["send"]:
            self._send(report, receivers)
        return ExitCode.CLEAN if report.is_well else ExitCode.FINDINGS

    def _period(self, options: dict[str, Any]) -> Period:
        if options["week"] is None:
            return last_days(options["days"] or DEFAULT_DAYS, timezone.now())
        week = iso_week(options["week"])
        if week.start > timezone.now():
            raise WrongUse(f"--week={options['week']} has not begun yet")
        return week

    def _send(self, report: Report, receivers: Any) -> None:
        """As Markdown, which services turn into what they show, with the page where one fits."""
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "migration-report.html")
            page.write_text(html.render(report), encoding="utf-8")
            message = Message(
                title=f"{wording.title(report)}, {report.period.name}",
                body=markdown.render(report),
                tone=Tone.INFO if report.is_well else Tone.WARNING,
                markdown=True,
                attachment=page,
            )
            failures = send_report(message, receivers)
        if failures:
            reasons = "; ".join(f"{name}: {why}" for name, why in sorted(failures.items()))
            raise TenantMigrationsError(printable(f"the report did not reach {reasons}"))
