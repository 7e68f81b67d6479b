"""The report as Markdown, for a chat, a wiki or a ticket."""

import re
from collections.abc import Iterator, Sequence

from tenant_migrations.observability.report import wording as words
from tenant_migrations.observability.report.data import Advice, Report, Slow

SPECIAL = re.compile(r"[\\`*_\[\]<>|~&]|^(?:[-+#=]|\d+(?=[.)]))")
"""What is markup anywhere, or at the beginning of a line."""


def render(report: Report) -> str:
    """The report, with a line break at the end."""
    return "\n".join(_lines(report)) + "\n"


def escaped(text: str) -> str:
    """A text from the records in which nothing is markup."""
    return SPECIAL.sub(_escape, words.clean(text))


def _escape(found: re.Match[str]) -> str:
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def _code(text: str) -> str:
    """A command as code, whatever backticks are in it."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{words.clean(text)}{pad}{fence}"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {escaped(words.title(report))}"
    yield ""
    yield f"{words.subtitle(report)}; made {words.moment(report.made_at)}"
    yield from _standing(report)
    yield from _advice("Action items", report.action_items)
    yield from _trends(report)
    yield from _table(
        "Against the period before",
        ("", "now", "before", ""),
        [
            (
                found.what,
                words.figure(found.now, found.unit),
                words.figure(found.before, found.unit),
                words.change(found),
            )
            for found in report.comparisons
        ],
    )
    yield from ("", "## Checks", "", f"{words.checks_line(report.checks)}.")
    if report.checks.failures:
        yield ""
    for failure in report.checks.failures:
        yield f"- failed {failure.times} times: {escaped(failure.what)}"
    yield from _heals(report)
    if report.backups:
        yield from ("", "## Backups", "")
        yield from (f"- {line}" for line in words.backups_lines(report.backups))
    yield from _slow("Slowest tenants", report.slow_tenants, of_tenant=True)
    yield from _slow("Slowest migrations", report.slow_migrations, of_tenant=False)
    yield from _table(
        "Open alerts",
        ("severity", "problem", "since", "told"),
        [
            (
                alert.severity,
                escaped(alert.title),
                words.moment(alert.since),
                f"{alert.times_sent} times",
            )
            for alert in report.alerts
        ],
    )
    yield from _advice("Recommendations", report.recommendations)


def _standing(report: Report) -> Iterator[str]:
    standing = report.standing
    yield from ("", "## Status", "", f"**{words.headline(report)}**")
    if standing is None:
        return
    counts = ", ".join(f"{words.number(n)} {status}" for status, n in words.statuses(standing))
    yield f"{counts}; public {standing.public_status or words.UNKNOWN}; {words.as_of(standing)}."
    if standing.pending_total:
        by_app = ", ".join(f"{escaped(app)} {n}" for app, n in standing.pending_by_app.items())
        yield f"{words.number(standing.pending_total)} pending migrations: {by_app}."
    if standing.not_ok:
        yield ""
    for name, status, pending in standing.not_ok[:10]:
        more = f", {pending} pending" if pending else ""
        yield f"- {escaped(name)}: {status}{more}"
    if (more_tenants := standing.total - standing.ok - 10) > 0:
        yield f"- and {words.number(more_tenants)} more"


def _advice(name: str, some: Sequence[Advice]) -> Iterator[str]:
    if not some:
        return
    yield from ("", f"## {name}", "")
    for position, advice in enumerate(some, 1):
        command = f": {_code(advice.command)}" if advice.command else ""
        yield f"{position}. {escaped(advice.what)}{command}"


def _trends(report: Report) -> Iterator[str]:
    if not report.marks:
        return iter(())
    first, last = (words.mark_name(report, mark) for mark in (report.marks[0], report.marks[-1]))
    rows = []
    for name, unit, values in words.trends(report):
        known = [value for value in values if value is not None]
        most = words.figure(max(known, default=None), unit)
        rows.append((name, words.sparkline(values), most))
    return _table("Trends", ("", f"{first} to {last}", "at most"), rows)


def _heals(report: Report) -> Iterator[str]:
    yield from ("", "## Heals", "", f"{words.heals_line(report.heals)}.")
    if report.heals.causes:
        yield ""
    for cause in report.heals.causes:
        yield f"- failed: {escaped(words.cause_line(cause))}"
        yield f"  - {escaped(words.cause_names(cause))}"
        if cause.hint:
            yield f"  - {escaped(cause.hint)}"


def _slow(name: str, some: Sequence[Slow], *, of_tenant: bool) -> Iterator[str]:
    rows = [
        (
            escaped(slow.name),
            words.seconds(slow.seconds),
            words.slow_detail(slow, of_tenant=of_tenant),
        )
        for slow in some
    ]
    return _table(name, ("", "time", "of"), rows)


def _table(name: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield from ("", f"## {name}", "")
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
