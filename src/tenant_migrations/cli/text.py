"""The fleet's answer for people: a summary line, what is not well, and what to type next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tenant_migrations.cli.forecast import total_line, variant_lines
from tenant_migrations.cli.printable import printable
from tenant_migrations.fleet.findings import Finding, named, plural
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.rollout.forecast import Forecast
from tenant_migrations.rollout.planning import Plan
from tenant_migrations.rollout.running import Summary
from tenant_migrations.vocabulary import OutcomeState, Severity, TenantStatus

NAMES_SHOWN = 20
"""Tenants of one variant share their findings; so many of them are named above these."""

STATUS_STYLE = {TenantStatus.OK: "green", TenantStatus.PENDING: "yellow"}
SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


class TextRenderer:
    """Writes to a stream; colours and tables only where it is a terminal."""

    def __init__(self, stream: IO[str], *, no_color: bool = False) -> None:
        self._console = Console(
            file=stream, markup=False, highlight=False, soft_wrap=True, no_color=no_color or None
        )
        self._is_terminal = self._console.is_terminal

    def report(self, report: FleetReport, *, quiet: bool) -> None:
        """The whole answer; with ``quiet`` only what is not well."""
        if not quiet or not report.is_clean:
            self._line(summary_line(report), "bold")
        shown = [s for s in (report.public, *report.tenants) if s.findings]
        if quiet:
            shown = [schema for schema in shown if schema.status is not TenantStatus.OK]
        groups = _groups(shown)
        if self._is_terminal and groups:
            self._table(groups)
        for group in groups:
            self._line("")
            names = named([*group.names], NAMES_SHOWN)
            self._line(f"{names}  {group.status}", STATUS_STYLE.get(group.status, "red"))
            self._findings(group.findings)
        if report.findings:
            self._line("")
            self._line("fleet")
            self._findings(report.findings)

    def plan(self, plan: Plan, statements: dict[str, list[str]], forecast: Forecast) -> None:
        """What a heal would do, per variant, as SQL, and what is to be expected of it."""
        for task, names in plan.variants():
            self._line("")
            what = [*map(label, task.pending)]
            record = [f"record {label(key)}" for key in task.record]
            create = [f"create {made.key.kind} {made.key.display}" for made in task.remedies]
            self._line(f"-- would heal {named([*map(printable, names)], 5)}", "bold")
            for step in (*record, *create, *what):
                self._line(f"--   {printable(step)}")
            for statement in statements[task.schema_name]:
                self._line(statement)
            for line in variant_lines(forecast.variants[task.schema_name]):
                self._line(f"-- {line}")
        for skip in plan.skips:
            self._line(f"-- would leave {printable(skip.schema_name)} alone: {skip.reason}")
        if plan.tasks:
            self._line("")
            self._line(f"-- {total_line(forecast)}")
        else:
            self._line("-- nothing to do")

    def plan_summary(self, plan: Plan) -> None:
        """What a heal would do, a line per variant."""
        for task, names in plan.variants():
            what = [f"record {label(key)}" for key in task.record]
            what += [f"create {made.key.kind} {made.key.display}" for made in task.remedies]
            what += [f"apply {label(key)}" for key in task.pending]
            what += ["create content types and permissions"] if not what else []
            self._line(f"{named([*map(printable, names)])}: {named([*map(printable, what)], 5)}")

    def preflight(self, found: Sequence[Finding]) -> None:
        """What was noticed of the server before a heal."""
        if found:
            self._line("server")
            self._findings(found)
            self._line("")

    def summary(self, summary: Summary) -> None:
        """What a heal did."""
        self.preflight(summary.preflight)
        parts = [f"{summary.fixed} fixed", f"{summary.failed} failed", f"{summary.skipped} skipped"]
        if summary.not_attempted:
            parts.append(f"{summary.not_attempted} not attempted")
        self._line(f"rollout {summary.rollout}: {', '.join(parts)}", "bold")
        if summary.stopped:
            self._line(f"stopped: {printable(summary.stopped)}", "red")
        for outcome in summary.outcomes:
            self._outcome(outcome)
        self._line("")

    def _outcome(self, outcome: Any) -> None:
        name = printable(outcome.schema_name)
        if outcome.state == OutcomeState.FIXED:
            did = [*outcome.applied, *outcome.repaired]
            self._line(f"  {name}: fixed" + (f" ({named(did)})" if did else ""), "green")
            return
        where = f" in {outcome.migration}" if outcome.migration else ""
        code = f" (SQLSTATE {outcome.sqlstate})" if outcome.sqlstate else ""
        reasons = named(printable(outcome.message).split("; "))
        why = f": {reasons}" if outcome.message else ""
        self._line(f"  {name}: {outcome.state}{where}{code}{why}", "red")
        if outcome.hint and outcome.state != OutcomeState.SKIPPED:  # the report repeats that one
            self._line(f"      {printable(outcome.hint)}", "dim")

    def _table(self, groups: Sequence["_Group"]) -> None:
        table = Table(box=None, pad_edge=False)
        for column in ("tenant", "status", "pending", "findings"):
            table.add_column(column, justify="right" if column == "pending" else "left")
        for group in groups:
            ids = ", ".join(dict.fromkeys(finding.kind.value for finding in group.findings))
            style = STATUS_STYLE.get(group.status, "red")
            names, pending = named([*group.names]), str(group.pending or "")
            table.add_row(Text(names), Text(group.status, style=style), pending, ids)
        self._console.print(table)

    def _findings(self, findings: Iterable[Finding]) -> None:
        for hint, some in groupby(findings, key=lambda finding: finding.hint):
            for finding in some:
                text = f"  {finding.kind} {finding.severity}: {printable(finding.message)}"
                self._line(text, SEVERITY_STYLE[finding.severity])
            self._line(f"      {printable(hint)}", "dim")

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style))


def summary_line(report: FleetReport) -> str:
    """``25 tenants: 19 ok, 3 drifted, …; public ok; 0.3 s``."""
    counts = report.by_status
    order = [TenantStatus.OK, *(status for status in TenantStatus if status is not TenantStatus.OK)]
    by_status = ", ".join(f"{counts[status]} {status}" for status in order if status in counts)
    compared = "" if report.structure_compared else "; structure not compared"
    return (
        f"{plural(len(report.tenants), 'tenant')}{': ' if by_status else ''}{by_status}; "
        f"public {report.public.status}{compared}; {report.duration_seconds:.1f} s"
    )


@dataclass(frozen=True)
class _Group:
    """Schemas that are shown as one."""

    names: tuple[str, ...]
    status: TenantStatus
    pending: int
    findings: tuple[Finding, ...]


def _groups(schemas: Sequence[SchemaReport]) -> list[_Group]:
    """Those of a variant together, as they share their findings; the largest group first."""
    members: dict[tuple[Any, ...], list[SchemaReport]] = {}
    for schema in schemas:
        together = (schema.variant, schema.own, schema.status)
        members.setdefault(together if schema.variant else (schema.schema_name,), []).append(schema)
    return [_group(some) for some in sorted(members.values(), key=len, reverse=True)]


def _group(schemas: Sequence[SchemaReport]) -> _Group:
    first = schemas[0]
    names = tuple(printable(schema.schema_name) for schema in schemas)
    findings = (
        first.findings
        if len(schemas) == 1
        else tuple(finding.for_all() for finding in (*first.own, *first.verdict.findings))
    )
    return _Group(names, first.status, len(first.verdict.pending), findings)
