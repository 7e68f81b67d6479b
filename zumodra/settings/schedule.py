"""What Celery's beat starts, and when: the same as cron and the systemd timers in ``deploy/``."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

TASK = "tenant_migrations.command"


def _entry(command: list[str], when: crontab | timedelta, expires_seconds: int) -> dict[str, Any]:
    """An entry that no worker takes in time is dropped: the next one is as good."""
    return {
        "task": TASK,
        "args": command,
        "schedule": when,
        "options": {"expires": expires_seconds},
    }


def beat_schedule(*, tells_people: bool, monitor_every: int) -> dict[str, dict[str, Any]]:
    """The schedule; health is told and the report sent where there is somebody to tell.

    The monitor comes at every quarter of an hour, or with ``monitor_every`` every so many seconds.
    """
    health = ["health_check", "--full", "--quiet", *(["--alert"] if tells_people else [])]
    report = ["migration_report", "--days=7", *(["--send"] if tells_people else [])]
    often = timedelta(seconds=monitor_every) if monitor_every > 0 else crontab(minute="*/15")
    return {
        "monitor": _entry(["monitor", "--once", "--quiet"], often, 600),
        "health": _entry(health, crontab(minute="*/5"), 240),
        "backup": _entry(
            ["backup_database", "--verify", "--prune"], crontab(hour=1, minute=40), 3600
        ),
        "report": _entry(report, crontab(hour=9, minute=0, day_of_week=1), 3600),
    }
