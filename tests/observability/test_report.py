"""The weekly report in each format, against the samples in ``docs/samples``.

``UPDATE_GOLDEN=1`` writes the samples anew; look at what changed before it is committed.
"""

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from types import ModuleType

import pytest

from tenant_migrations.exceptions import WrongUse
from tenant_migrations.observability.report import document, html, markdown, text, wording
from tenant_migrations.observability.report.advice import advise
from tenant_migrations.observability.report.charts import LETTER, WIDTH, Column, chart
from tenant_migrations.observability.report.data import (
    Checks,
    Comparison,
    Heals,
    Report,
    Slow,
    Standing,
)
from tenant_migrations.observability.report.period import iso_week, last_days
from tenant_migrations.vocabulary import TenantStatus
from tests.observability.report_data import MADE_AT, eventful_week
from tests.support.fleets import CHECKOUT

FORMATS = {"txt": text, "md": markdown, "html": html, "json": document}
NASTY = "<script>alert(1)</script>`|*_[x](y)\n# \x1b[2J"


def empty() -> Report:
    """A report where nothing was ever recorded."""
    report = Report(
        "zumodra.com", MADE_AT, iso_week("2026-W47"), None, Checks(), Checks(), Heals(), Heals()
    )
    return replace(report, advice=advise(report))


WELL = Standing(MADE_AT - timedelta(minutes=5), False, 500, {TenantStatus.OK: 500}, "ok", 0)


def quiet_week() -> Report:
    """A report on a week in which all was well."""
    checks = Checks(done=672, expected=672, average_seconds=1.2, slowest_seconds=1.4)
    report = replace(empty(), standing=WELL, checks=checks, checks_before=checks)
    return replace(report, advice=advise(report))


@pytest.mark.parametrize("suffix", FORMATS)
def test_golden(suffix: str) -> None:
    path = CHECKOUT / "docs" / "samples" / f"migration-report.{suffix}"
    rendered = FORMATS[suffix].render(eventful_week())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 writes it anew"


@pytest.mark.parametrize("renderer", FORMATS.values())
def test_nothing_recorded_is_said_and_no_figure_made_up(renderer: ModuleType) -> None:
    rendered = renderer.render(empty())
    assert "Nobody knows how the fleet is: no check of it has been recorded." in rendered
    assert "100 %" not in rendered
    assert "were well" not in rendered
    assert not empty().is_well


@pytest.mark.parametrize("renderer", FORMATS.values())
def test_a_quiet_week_asks_for_nothing(renderer: ModuleType) -> None:
    rendered = renderer.render(quiet_week())
    assert "All 500 tenants were well." in rendered
    assert "verify_tenant_migrations" not in rendered
    assert quiet_week().is_well


def nasty() -> Report:
    report = quiet_week()
    standing = replace(
        WELL,
        by_status={TenantStatus.PENDING: 1, TenantStatus.OK: 499},
        not_ok=((NASTY, "pending", 1),),
        pending_total=1,
        pending_by_app={"finance": 1},
    )
    report = replace(report, standing=standing, slow_tenants=(Slow(NASTY, 3.0),), source=NASTY)
    return replace(report, advice=advise(report))


class Page(HTMLParser):
    """The tags of a page and what they point to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]


def test_names_are_escaped_in_html() -> None:
    page = html.render(nasty())
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page
    assert "script" not in Page(page).names


def test_names_are_escaped_in_markdown_and_text() -> None:
    rendered = markdown.render(nasty())
    assert "\\<script\\>alert(1)\\</script\\>\\`\\|\\*\\_\\[x\\](y)" in rendered
    assert "\x1b" not in rendered + text.render(nasty())
    assert not re.search(r"^# \\?x1b", rendered, re.MULTILINE)


def test_names_stay_as_they_are_in_json() -> None:
    shown = json.loads(document.render(nasty()))
    assert shown["slow_tenants"][0]["name"] == NASTY


def test_the_page_needs_nothing_from_the_network() -> None:
    page = html.render(eventful_week())
    assert Page(page).targets == []
    assert not re.search(r"url\(|@import|https?://", page)


def test_commands_name_tenants_quoted_for_a_shell() -> None:
    report = nasty()
    standing = replace(
        WELL,
        by_status={TenantStatus.QUARANTINED: 1},
        not_ok=(("a b", "quarantined", 0),),
    )
    (advice,) = advise(replace(report, standing=standing))
    assert advice.command.endswith("--tenant='a b'")


def test_an_old_check_is_an_action_item() -> None:
    report = quiet_week()
    standing = replace(WELL, is_old=True)
    report = replace(report, standing=standing, advice=advise(replace(report, standing=standing)))
    assert not report.is_well
    assert "that is old, and nobody has looked since" in text.render(report)


@pytest.mark.parametrize(
    ("now", "before", "unit", "better", "verdict"),
    [
        (5, 0, "", False, "worse"),
        (0, 5, "", False, "better"),
        (5, 5, "", False, "same"),
        (0.8, 0.9, "%", True, "worse"),
        (1.05, 1.0, "s", False, "same"),
        (2.0, 1.0, "s", False, "worse"),
        (9, 3, "", None, "more"),
        (None, 3, "", False, ""),
        (3, None, "", False, ""),
    ],
)
def test_comparisons(now: float, before: float, unit: str, better: bool, verdict: str) -> None:
    assert Comparison("x", unit, now, before, better).verdict == verdict


def test_shares_are_never_rounded_up_to_all() -> None:
    assert wording.share(0.9999) == "99.9 %"
    assert wording.share(1.0) == "100 %"
    assert wording.share(None) == "–"  # noqa: RUF001


@pytest.mark.parametrize(("count", "named"), [(1, 1), (2, 2), (5, 5), (7, 3), (30, 3)])
def test_names_below_a_chart_do_not_run_into_each_other(count: int, named: int) -> None:
    columns = [Column("25 Nov 09:40", 0.0) for _ in range(count)]
    labels = chart("Tenants", columns, str).labels
    assert len(labels) == named
    half = 12 * LETTER / 2
    edges = [edge for label in labels for edge in (float(label.x) - half, float(label.x) + half)]
    assert edges == sorted(edges)
    assert 0 <= edges[0] < edges[-1] <= WIDTH


def test_sparklines_tell_nothing_from_no_data() -> None:
    assert wording.sparkline([0, None, 4, 8]) == "▁·▅█"
    assert wording.sparkline([None]) == "·"
    assert wording.sparkline([0, 0]) == "▁▁"


def test_weeks_and_days() -> None:
    week = iso_week("2026-W53")
    assert (week.start.date().isoformat(), len(week.marks())) == ("2026-12-28", 7)
    assert week.before.name == "week 2026-W52"
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert len(last_days(1, now).marks()) == 24
    assert len(last_days(14, now).marks()) == 14


@pytest.mark.parametrize(
    "week", ["2026-W54", "2026-W00", "2026W47", "47", "", "9999-W53", "٢٠٢٦-W01"]
)
def test_a_faulty_week_is_wrong_use(week: str) -> None:
    with pytest.raises(WrongUse, match="is no ISO week"):
        iso_week(week)
