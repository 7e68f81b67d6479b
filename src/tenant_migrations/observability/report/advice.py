"""Advice: what to do, as it follows from what was found. Pure."""

import shlex
from collections.abc import Iterator, Sequence

from tenant_migrations.fleet.findings import VERIFY, named, plural
from tenant_migrations.observability.report.data import Advice, FailureCause, Report
from tenant_migrations.vocabulary import TenantStatus

HEAL = f"{VERIFY} --fix"

ENOUGH_COVERAGE = 0.9
"""Share of the expected checks below which the schedule is looked at."""

SLOWER = 1.5
"""How many times longer a check takes than in the period before, for it to be mentioned."""

DATA = "23"
LOCKS = ("55P03", "40P01")

ACTIONS = {
    TenantStatus.PENDING: ("Migrations are pending in {who}: apply them", HEAL),
    TenantStatus.DRIFTED: ("The structure drifted in {who}: create what can be proven", HEAL),
    TenantStatus.INCONSISTENT: (
        "The ledger contradicts code or structure in {who}: look at each",
        f"{VERIFY} --tenant={{name}}",
    ),
    TenantStatus.QUARANTINED: (
        "In quarantine: {who}. Look at each, then release it",
        f"{HEAL} --retry-quarantined --tenant={{name}}",
    ),
    TenantStatus.MISSING: (
        "The schema is missing of {who}: restore it from a backup, or delete the row",
        f"{VERIFY} --tenant={{name}}",
    ),
    TenantStatus.AHEAD: (
        "Ahead of the code: {who}. Deploy the code that they had",
        f"{VERIFY} --tenant={{name}}",
    ),
    TenantStatus.UNKNOWN: (
        "Nothing is known of {who}: mend what keeps them from being checked",
        f"{VERIFY} --tenant={{name}}",
    ),
}
"""What to do about tenants of a status, and what to type."""


def advise(report: Report) -> tuple[Advice, ...]:
    """Action items first, then recommendations."""
    found = [*_on_standing(report), *_on_failures(report), *_on_rollouts(report)]
    found += [*_on_checks(report), *_on_trends(report)]
    return tuple(sorted(found, key=lambda advice: not advice.urgent))


def _on_standing(report: Report) -> Iterator[Advice]:
    standing = report.standing
    if standing is None:
        yield Advice(
            "No check of the whole fleet has been recorded: have one made regularly", VERIFY, True
        )
        return
    if standing.is_old:
        yield Advice(
            "The newest check of the whole fleet is old: see why none was made since", VERIFY, True
        )
    if standing.public_status not in ("", TenantStatus.OK):
        yield Advice(
            f"The shared schema is {standing.public_status}: heal it first, as every tenant "
            "depends on it",
            HEAL,
            True,
        )
    for status, count in standing.by_status.items():
        if status in ACTIONS:
            names = [name for name, found, _ in standing.not_ok if found == status]
            words, command = ACTIONS[status]
            first = shlex.quote(names[0]) if names else "NAME"
            yield Advice(words.format(who=_who(names, count)), command.format(name=first), True)


def _who(names: Sequence[str], count: int) -> str:
    """``22 tenants (acme, beta, gamma and 19 more)``, with names as far as they are known."""
    if not names:
        return plural(count, "tenant")
    more = count - len(names[:3])
    listed = ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
    return f"{plural(count, 'tenant')} ({listed})"


def _on_failures(report: Report) -> Iterator[Advice]:
    for cause in report.heals.causes:
        if advice := _on_failure(cause):
            yield advice


def _on_failure(cause: FailureCause) -> Advice | None:
    where = f" in {cause.migration}" if cause.migration else ""
    who = _who(cause.names, cause.tenants)
    if cause.sqlstate in LOCKS:
        return Advice(
            f"{who} failed{where} waiting for locks: heal at a quieter hour, end long "
            "transactions, or raise LOCK_TIMEOUT_MS"
        )
    if cause.sqlstate.startswith(DATA):
        return Advice(
            f"Rows of {who} contradict a constraint{where}: clean them in the migration itself, "
            "before the constraint"
        )
    if cause.migration and cause.tenants > 1:
        return Advice(
            f"{who} failed alike{where}: it is the migration rather than the tenants; try it on a "
            "canary first",
            f"{HEAL} --canary={shlex.quote(cause.names[0])}",
        )
    return None


def _on_rollouts(report: Report) -> Iterator[Advice]:
    if report.heals.crashed:
        yield Advice(
            f"{plural(report.heals.crashed, 'rollout')} died before the end: see the host's log "
            "for memory limits, time limits and restarts"
        )
    if report.heals.stopped:
        yield Advice(
            f"{plural(report.heals.stopped, 'rollout')} stopped before every tenant was tried: "
            "the next one goes on where it stopped",
            HEAL,
        )


def _on_checks(report: Report) -> Iterator[Advice]:
    checks = report.checks
    if report.standing is None:
        return
    if checks.coverage is not None and checks.coverage < ENOUGH_COVERAGE:
        yield Advice(
            f"Only {checks.done - checks.failed} of {checks.expected} expected checks gave an "
            "answer: see that the monitor's timer runs, or set CHECKS_EXPECTED_PER_DAY"
        )
    if checks.failed:
        causes = named([f"{cause.what} ({cause.times})" for cause in checks.failures], 2)
        yield Advice(f"{plural(checks.failed, 'check')} failed: {causes}")


def _on_trends(report: Report) -> Iterator[Advice]:
    now, before = report.checks.average_seconds, report.checks_before.average_seconds
    if now and before and now >= SLOWER * before and now >= 1:
        yield Advice(
            f"A check takes {now:.1f} s, {now / before:.1f} times as long as before: raise JOBS, "
            "or see what else the database server does"
        )
    for comparison in report.comparisons:
        rising = comparison.what.startswith("Pending") and comparison.verdict == "worse"
        if rising and comparison.before:
            yield Advice(
                f"Pending migrations rose from {comparison.before:.0f} to {comparison.now:.0f}: "
                "heal after every deploy"
            )
