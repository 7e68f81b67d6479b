import json
from argparse import ArgumentTypeError
from typing import IO, Any

from django.core.management.base import CommandParser
from prometheus_client import generate_latest

from tenant_migrations.cli.command import FleetCommand
from tenant_migrations.cli.files import replaceable
from tenant_migrations.cli.progress import ProgressReporter
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.fleet.survey import Question
from tenant_migrations.observability import export, history
from tenant_migrations.observability.metrics import TRIGGER, Metrics, gather
from tenant_migrations.observability.metrics_json import error_document, metrics_document
from tenant_migrations.observability.metrics_text import metrics_lines
from tenant_migrations.observability.past import look_back
from tenant_migrations.observability.prometheus import registry_of
from tenant_migrations.rollout.verifying import verify
from tenant_migrations.vocabulary import ExitCode

LONGEST_WINDOW = 87_600  # ten years


class Command(FleetCommand):
    help = "Check the fleet and tell its state in numbers: for people, programs and Prometheus."
    examples = """examples:
  manage.py migration_metrics                                  for people
  manage.py migration_metrics --json --window=168              for programs, with a week's history
  manage.py migration_metrics --prometheus                     for Prometheus
  manage.py migration_metrics --export=/var/lib/prometheus/node-exporter/tenant_migrations.prom
  manage.py migration_metrics --recorded --push=http://127.0.0.1:9091

A file is replaced whole, and only where collecting succeeded. It gets what --json or --prometheus
says; without them JSON where its name ends with .json, else the text for Prometheus.

exit codes: 0 all well, 1 issues detected, 2 wrong use, 3 could not ask or hand over
"""

    def add_arguments(self, parser: CommandParser) -> None:
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument(
            "--json", action="store_true", help="print one JSON document, whatever happens"
        )
        shape.add_argument(
            "--prometheus", action="store_true", help="print the text that Prometheus reads"
        )
        parser.add_argument("--export", metavar="FILE", help="write to a file instead")
        parser.add_argument("--push", metavar="URL", help="send to a Prometheus Pushgateway too")
        parser.add_argument(
            "--window",
            type=hours,
            default=24,
            metavar="HOURS",
            help="how far the history looks back (default: 24)",
        )
        parser.add_argument(
            "--recorded",
            action="store_true",
            help="tell of the newest recorded check instead of making one",
        )

    def error_document(self, message: str) -> dict[str, Any]:
        return error_document(message)

    def run(self, answer: IO[str], **options: Any) -> ExitCode:
        target = None if options["export"] is None else replaceable("--export", options["export"])
        gateway = None if options["push"] is None else export.checked_gateway(options["push"])
        metrics, report = (gather(), None) if options["recorded"] else _check()
        past = look_back(options["window"])
        document = json.dumps(metrics_document(metrics, past, report))
        registry = registry_of(metrics)
        text = generate_latest(registry).decode()
        if target:
            as_json = options["json"] or (not options["prometheus"] and target.suffix == ".json")
            export.write(target, f"{document}\n" if as_json else text)
        if gateway:
            export.push(gateway, registry)
        if options["json"]:
            answer.write(document)
        elif options["prometheus"] and not target:
            answer.write(text)
        elif not target:
            answer.write("\n".join(metrics_lines(metrics, past)))
        return ExitCode.FINDINGS if metrics.issues else ExitCode.CLEAN


def hours(text: str) -> int:
    """A window for argparse: a whole number of hours."""
    if text.isascii() and text.isdigit() and len(text) < 9 and 0 < int(text) <= LONGEST_WINDOW:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a whole number of hours from 1 to {LONGEST_WINDOW}")


def _check() -> tuple[Metrics, FleetReport]:
    """Check the whole fleet now, leaving a sample of it."""
    question = Question()
    with (
        history.recorded(trigger=TRIGGER, question=question),
        ProgressReporter(wanted=True) as progress,
    ):
        report = verify(question, Code(), progress)
    return gather(history.record(report, trigger=TRIGGER, question=question)), report
