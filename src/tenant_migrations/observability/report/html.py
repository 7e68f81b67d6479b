"""The report as one HTML file that needs nothing from the network."""

from functools import cache
from pathlib import Path
from typing import Any

from django.template import Context, Engine, Template

from tenant_migrations.observability.report import wording as words
from tenant_migrations.observability.report.charts import Chart, Column, chart, status_bar
from tenant_migrations.observability.report.data import Report, Standing
from tenant_migrations.vocabulary import OutcomeState

MOST_NOT_OK = 12
"""Tenants that are not ok and are named."""

MOSTLY = 0.95
"""Share of tenants that are ok from which their number is no longer red."""


def render(report: Report) -> str:
    """The report, escaped throughout by the template engine, whatever the project's own is."""
    return _template().render(Context(_content(report), use_l10n=False))


@cache
def _template() -> Template:
    engine = Engine(dirs=[str(Path(__file__).parent / "templates")], autoescape=True)
    return engine.get_template("report.html")


def _content(report: Report) -> dict[str, Any]:
    """Everything that the template shows, as finished texts."""
    standing = report.standing
    content: dict[str, Any] = {
        "title": words.title(report),
        "subtitle": words.subtitle(report),
        "made_at": words.moment(report.made_at),
        "headline": words.headline(report),
        "tone": "ok" if report.is_well else "bad",
        "tiles": _tiles(report),
        "action_items": _advice(report.action_items),
        "recommendations": _advice(report.recommendations),
        "charts": _charts(report),
        "comparisons": [
            {
                "what": found.what,
                "now": words.figure(found.now, found.unit),
                "before": words.figure(found.before, found.unit),
                "verdict": words.change(found),
            }
            for found in report.comparisons
        ],
        "checks": words.checks_line(report.checks),
        "check_failures": [
            {"what": words.clean(failure.what), "times": words.number(failure.times)}
            for failure in report.checks.failures
        ],
        "heals": words.heals_line(report.heals),
        "backups": words.backups_lines(report.backups) if report.backups else [],
        "causes": [
            {
                "tenants": words.number(cause.tenants),
                "what": words.cause_line(cause),
                "names": words.cause_names(cause),
                "hint": words.clean(cause.hint),
            }
            for cause in report.heals.causes
        ],
        "slow": _slow(report),
        "alerts": [
            {
                "severity": alert.severity,
                "title": words.clean(alert.title),
                "since": words.moment(alert.since),
                "told": words.number(alert.times_sent),
            }
            for alert in report.alerts
        ],
    }
    if standing is not None:
        named = standing.not_ok[:MOST_NOT_OK]
        content |= {
            "as_of": words.as_of(standing),
            "is_old": standing.is_old,
            "segments": status_bar(words.statuses(standing), standing.total),
            "public_status": standing.public_status or words.UNKNOWN,
            "not_ok": [
                {"name": words.clean(name), "status": status, "pending": words.number(pending)}
                for name, status, pending in named
            ],
            "more_not_ok": words.number(max(0, standing.total - standing.ok - len(named))),
            "by_app": [
                {"app": app, "pending": words.number(count)}
                for app, count in standing.pending_by_app.items()
            ],
        }
    return content


def _tiles(report: Report) -> list[dict[str, str]]:
    """The four figures that are looked at first."""
    standing, checks, heals = report.standing, report.checks, report.heals
    return [
        {
            "name": "Tenants well",
            "figure": words.number(standing.ok if standing else None),
            "note": f"of {words.number(standing.total if standing else None)}",
            "tone": _tone_of(standing),
        },
        {
            "name": "Pending migrations",
            "figure": words.number(standing.pending_total if standing else None),
            "note": "over all tenants",
            "tone": "ok" if standing and not standing.pending_total else "warn",
        },
        {
            "name": "Checks done",
            "figure": words.share(checks.coverage),
            "note": f"of {words.number(checks.expected)} expected",
            "tone": "ok" if checks.coverage and checks.coverage >= 0.9 else "warn",
        },
        {
            "name": "Tenants healed",
            "figure": words.number(heals.count(OutcomeState.FIXED) if heals.rollouts else None),
            "note": f"{words.number(heals.failed)} not healed",
            "tone": "bad" if heals.failed else "ok",
        },
    ]


def _tone_of(standing: Standing | None) -> str:
    if standing is None or standing.ok < standing.total * MOSTLY:
        return "bad"
    return "ok" if standing.is_well else "warn"


def _advice(some: Any) -> list[dict[str, str]]:
    return [
        {"what": words.clean(advice.what), "command": words.clean(advice.command)}
        for advice in some
    ]


def _charts(report: Report) -> list[Chart]:
    names = [words.mark_name(report, mark) for mark in report.marks]
    marks = list(zip(names, report.marks, strict=True))
    if not marks:
        return []
    full = len(marks) > 1 and report.checks.expected
    expected = report.checks.expected / len(marks) if full and report.checks.expected else None
    return [
        chart("Tenants not ok", [Column(name, mark.not_ok) for name, mark in marks], words.number),
        chart(
            "Pending migrations",
            [Column(name, mark.pending) for name, mark in marks],
            words.number,
        ),
        chart("Tenants healed", [Column(name, mark.fixed) for name, mark in marks], words.number),
        chart(
            "Tenants that could not be healed",
            [Column(name, 0, mark.failed) for name, mark in marks],
            words.number,
        ),
        chart(
            "Checks",
            [
                Column(name, mark.checks - mark.failed_checks, mark.failed_checks)
                for name, mark in marks
            ],
            words.number,
            expected=expected,
        ),
        chart(
            "Time of a check",
            [Column(name, mark.check_seconds) for name, mark in marks],
            words.seconds,
        ),
    ]


def _slow(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "rows": [
                {
                    "name": words.clean(slow.name),
                    "seconds": words.seconds(slow.seconds),
                    "detail": words.slow_detail(slow, of_tenant=of_tenant),
                }
                for slow in some
            ],
        }
        for name, some, of_tenant in (
            ("Slowest tenants", report.slow_tenants, True),
            ("Slowest migrations", report.slow_migrations, False),
        )
        if some
    ]
