"""The report as plain text, for a terminal, a log and a mail."""

from collections.abc import Iterator, Sequence

from tenant_migrations.observability.report import wording as words
from tenant_migrations.observability.report.data import Advice, Report, Slow


def render(report: Report) -> str:
    """The report, with a line break at the end."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield words.title(report)
    yield words.subtitle(report)
    yield f"made {words.moment(report.made_at)}"
    yield from _standing(report)
    yield from _advice("ACTION ITEMS", report.action_items)
    yield from _trends(report)
    yield from _comparisons(report)
    yield from _section("CHECKS", [words.checks_line(report.checks)])
    for failure in report.checks.failures:
        yield f"  failed {failure.times} times: {words.clean(failure.what)}"
    yield from _section("HEALS", [words.heals_line(report.heals)])
    for cause in report.heals.causes:
        yield f"  failed: {words.cause_line(cause)}"
        yield f"      {words.cause_names(cause)}"
        if cause.hint:
            yield f"      {words.clean(cause.hint)}"
    if report.backups:
        yield from _section("BACKUPS", words.backups_lines(report.backups))
    yield from _slow("SLOWEST TENANTS", report.slow_tenants, of_tenant=True)
    yield from _slow("SLOWEST MIGRATIONS", report.slow_migrations, of_tenant=False)
    if report.alerts:
        yield from _section("OPEN ALERTS", [])
        for alert in report.alerts:
            told = f"since {words.moment(alert.since)}, told {alert.times_sent} times"
            yield f"  {alert.severity}: {words.clean(alert.title)} ({told})"
    yield from _advice("RECOMMENDATIONS", report.recommendations)


def _section(name: str, lines: Sequence[str]) -> Iterator[str]:
    yield ""
    yield name
    yield from (f"  {line}" for line in lines)


def _standing(report: Report) -> Iterator[str]:
    yield from _section("STATUS", [words.headline(report)])
    standing = report.standing
    if standing is None:
        return
    yield f"  {words.as_of(standing)}"
    counts = ", ".join(f"{words.number(n)} {status}" for status, n in words.statuses(standing))
    yield f"  {counts}; public {standing.public_status or words.UNKNOWN}"
    if standing.pending_total:
        by_app = ", ".join(f"{app} {n}" for app, n in standing.pending_by_app.items())
        yield f"  {words.number(standing.pending_total)} pending migrations: {by_app}"
    for name, status, pending in standing.not_ok[:10]:
        more = f", {pending} pending" if pending else ""
        yield f"    {words.clean(name)}: {status}{more}"
    if (more_tenants := standing.total - standing.ok - 10) > 0:
        yield f"    and {words.number(more_tenants)} more"


def _advice(name: str, some: Sequence[Advice]) -> Iterator[str]:
    if not some:
        return
    yield from _section(name, [])
    for position, advice in enumerate(some, 1):
        yield f"  {position}. {words.clean(advice.what)}"
        if advice.command:
            yield f"     type: {words.clean(advice.command)}"


def _trends(report: Report) -> Iterator[str]:
    if not report.marks:
        return
    first, last = (words.mark_name(report, mark) for mark in (report.marks[0], report.marks[-1]))
    yield from _section(f"TRENDS  {first} to {last}", [])
    for name, unit, values in words.trends(report):
        known = [value for value in values if value is not None]
        most = words.figure(max(known, default=None), unit)
        yield f"  {name:<20} {words.sparkline(values)}  at most {most}"


def _comparisons(report: Report) -> Iterator[str]:
    if not report.comparisons:
        return
    yield from _section("AGAINST THE PERIOD BEFORE", [])
    for found in report.comparisons:
        now, before = (words.figure(value, found.unit) for value in (found.now, found.before))
        yield f"  {found.what:<34}{now:>9}  before {before:>9}  {words.change(found)}"


def _slow(name: str, some: Sequence[Slow], *, of_tenant: bool) -> Iterator[str]:
    if not some:
        return
    yield from _section(name, [])
    for slow in some:
        detail = words.slow_detail(slow, of_tenant=of_tenant)
        yield f"  {words.seconds(slow.seconds):>8}  {words.clean(slow.name)} ({detail})"
