"""How figures are written, alike in every format and independent of the project's locale."""

from datetime import datetime, timedelta

from django.utils import timezone

from tenant_migrations.cli.printable import printable
from tenant_migrations.fleet.findings import named, plural
from tenant_migrations.observability.report.data import (
    Backups,
    Checks,
    Comparison,
    FailureCause,
    Heals,
    Mark,
    Report,
    Slow,
    Standing,
)
from tenant_migrations.observability.report.period import HOURLY_UP_TO
from tenant_migrations.redaction import redacted
from tenant_migrations.vocabulary import OutcomeState, TenantStatus

UNKNOWN = "–"  # noqa: RUF001 - a dash, as tables have it where there is no figure
BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"


def clean(text: str) -> str:
    """A text from the records, with control characters escaped and secrets masked."""
    return printable(redacted(text))


def number(value: float | None) -> str:
    """``1,234``, or a dash."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """``0.8 s``, or a dash."""
    if value is None:
        return UNKNOWN
    return (
        f"{value:,.0f} s" if value >= 100 else f"{value:.2g} s" if value < 1 else f"{value:.1f} s"
    )


def share(value: float | None) -> str:
    """``98 %``; never 100 % for less than all."""
    if value is None:
        return UNKNOWN
    percent = int(value * 1000) / 10
    return f"{percent:.0f} %" if percent == int(percent) else f"{percent:.1f} %"


def figure(value: float | None, unit: str) -> str:
    """A figure of a ``Comparison``."""
    return {"": number, "s": seconds, "%": share}[unit](value)


def moment(value: datetime) -> str:
    """``2026-11-22 09:00 UTC``."""
    return f"{timezone.localtime(value):%Y-%m-%d %H:%M %Z}"


def day(value: datetime) -> str:
    """``16 Nov 2026``."""
    local = timezone.localtime(value)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def mark_name(report: Report, mark: Mark) -> str:
    """``Mon 16`` for a day, ``14:00`` for an hour."""
    if report.period.end - report.period.start <= HOURLY_UP_TO:
        return f"{mark.start:%H:%M}"
    return f"{DAYS[mark.start.weekday()]} {mark.start.day}"


def title(report: Report) -> str:
    return f"Tenant migrations of {clean(report.source)}"


def subtitle(report: Report) -> str:
    """``week 2026-W47, 16 Nov 2026 to 22 Nov 2026``."""
    last = report.period.end - timedelta(microseconds=1)
    name = report.period.name
    return f"{name[0].upper()}{name[1:]}, {day(report.period.start)} to {day(last)}"


def headline(report: Report) -> str:
    """The answer in one sentence."""
    standing = report.standing
    if standing is None:
        return "Nobody knows how the fleet is: no check of it has been recorded."
    if standing.is_well:
        return f"All {plural(standing.total, 'tenant')} were well."
    return f"{number(standing.ok)} of {plural(standing.total, 'tenant')} were well."


def as_of(standing: Standing) -> str:
    """When that was, and whether that is long ago."""
    old = ": that is old, and nobody has looked since" if standing.is_old else ""
    return f"as of {moment(standing.taken_at)}{old}"


def statuses(standing: Standing) -> list[tuple[str, int]]:
    """Statuses with their tenants, ``ok`` first, then gravest first."""
    rest = [
        (status.value, count)
        for status, count in standing.by_status.items()
        if status is not TenantStatus.OK
    ]
    return [(TenantStatus.OK.value, standing.ok), *rest]


def checks_line(checks: Checks) -> str:
    """What came of the checks, in one line."""
    if not checks.done:
        return f"none done of {number(checks.expected)} expected" if checks.expected else "none"
    parts = [f"{number(checks.done - checks.failed)} done"]
    if checks.expected:
        parts[0] += f" of {number(checks.expected)} expected ({share(checks.coverage)})"
    parts.append(f"{number(checks.failed)} failed")
    parts.append(f"{seconds(checks.average_seconds)} on average")
    parts.append(f"{seconds(checks.slowest_seconds)} at most")
    return ", ".join(parts)


def backups_lines(backups: Backups) -> list[str]:
    """What was backed up and taken back, and what is known of restoring it."""
    made = f"{number(backups.made)} made, {number(backups.verified)} of them verified"
    if backups.not_restorable:
        made += f", {number(backups.not_restorable)} could not be restored"
    lines = [f"{made}; {plural(backups.rollbacks, 'rollback')}"]
    if backups.newest_at is None:
        return [*lines, "there is none of the whole fleet"]
    size = number((backups.size_bytes or 0) / 1e6)
    lines.append(f"the newest of the whole fleet: {moment(backups.newest_at)}, {size} MB")
    if backups.last_restored_at:
        lines.append(
            f"restoring was last tried {moment(backups.last_restored_at)} and took "
            f"{seconds(backups.restore_seconds)}"
        )
    else:
        lines.append("restoring was never tried")
    return lines


def heals_line(heals: Heals) -> str:
    """What came of the rollouts, in one line."""
    if not heals.rollouts:
        return "none"
    words = {
        OutcomeState.FIXED: "fixed",
        OutcomeState.FAILED: "failed",
        OutcomeState.CRASHED: "crashed",
        OutcomeState.SKIPPED: "left alone",
        OutcomeState.NOT_ATTEMPTED: "not attempted",
    }
    counts = [f"{number(heals.count(state))} {word}" for state, word in words.items()]
    shown = [counts[0], counts[1]] + [text for text in counts[2:] if not text.startswith("0 ")]
    rollouts = plural(heals.rollouts, "rollout")
    ends = [
        f"{heals.stopped} stopped" if heals.stopped else "",
        f"{heals.crashed} crashed" if heals.crashed else "",
    ]
    ended = ", ".join(filter(None, ends))
    return f"{rollouts}{f' ({ended})' if ended else ''}; tenants: {', '.join(shown)}"


def cause_line(cause: FailureCause) -> str:
    """Where, with which code and why."""
    where = cause.migration or "repair"
    code = f" (SQLSTATE {cause.sqlstate})" if cause.sqlstate else ""
    return clean(f"{where}{code}: {cause.message}")


def cause_names(cause: FailureCause) -> str:
    """The first few tenants, and how many more."""
    names = [clean(name) for name in cause.names]
    more = cause.tenants - len(names)
    return named(names, len(names)) + (f" and {more} more" if more > 0 else "")


def slow_detail(slow: Slow, *, of_tenant: bool) -> str:
    """Over how much the time was spent."""
    if of_tenant:
        return plural(slow.migrations, "migration") if slow.migrations else "repair only"
    return plural(slow.tenants, "tenant")


def change(comparison: Comparison) -> str:
    """The verdict, or a dash."""
    return comparison.verdict or UNKNOWN


def sparkline(values: list[float | None]) -> str:
    """Values as blocks of growing height; a dot where there is none."""
    known = [value for value in values if value is not None]
    most = max(known, default=0) or 1
    return "".join(
        GAP
        if value is None
        else BLOCKS[min(len(BLOCKS) - 1, round(value / most * (len(BLOCKS) - 1)))]
        for value in values
    )


def trends(report: Report) -> list[tuple[str, str, list[float | None]]]:
    """What is drawn: name, unit, and a value for each day or hour."""
    marks = report.marks
    return [
        ("Tenants not ok", "", [mark.not_ok for mark in marks]),
        ("Pending migrations", "", [mark.pending for mark in marks]),
        ("Checks", "", [mark.checks for mark in marks]),
        ("Time of a check", "s", [mark.check_seconds for mark in marks]),
        ("Tenants healed", "", [mark.fixed for mark in marks]),
        ("Tenants not healed", "", [mark.failed for mark in marks]),
    ]
