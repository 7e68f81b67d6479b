"""The time that a report is about: an ISO week, or some days up to now."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from tenant_migrations.exceptions import WrongUse

MOST_DAYS = 366

HOURLY_UP_TO = timedelta(days=2)
"""A report on no more than this shows hours, any other days."""


@dataclass(frozen=True)
class Period:
    """From ``start`` to just before ``end``, in the project's time zone."""

    start: datetime
    end: datetime
    name: str

    @property
    def before(self) -> "Period":
        """The period of the same length that came before it."""
        if self.name.startswith("week "):
            monday = self.start.date() - timedelta(days=7)
            return _week(monday)
        return Period(self.start - (self.end - self.start), self.start, f"{self.name} before")

    def marks(self) -> list[datetime]:
        """Where its days, or hours, begin."""
        hourly = self.end - self.start <= HOURLY_UP_TO
        step = timedelta(hours=1) if hourly else timedelta(days=1)
        marks = [self.start]
        while marks[-1] + step < self.end:
            marks.append(marks[-1] + step)
        return marks


def iso_week(text: str) -> Period:
    """The week that ``2026-W47`` names. Raises ``WrongUse`` for anything else."""
    found = re.fullmatch(r"(\d{4})-W(\d{2})", text, re.ASCII)
    try:
        if not found:
            raise ValueError
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        return _week(monday)
    except (ValueError, OverflowError) as error:
        raise WrongUse(f"--week={text} is no ISO week: write it as 2026-W47") from error


def last_days(days: int, now: datetime) -> Period:
    """Some days up to now. Raises ``WrongUse`` for more than ``MOST_DAYS``."""
    if days > MOST_DAYS:
        raise WrongUse(f"--days={days} is too long: at most {MOST_DAYS}")
    end = timezone.localtime(now)
    name = "last 24 hours" if days == 1 else f"last {days} days"
    return Period(end - timedelta(days=days), end, name)


def _week(monday: date) -> Period:
    year, week, _ = monday.isocalendar()
    start, end = (
        timezone.make_aware(datetime.combine(day, time()))
        for day in (monday, monday + timedelta(days=7))
    )
    return Period(start, end, f"week {year}-W{week:02d}")
