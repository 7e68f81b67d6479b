"""Messages: a problem in the words that people get, with nothing secret in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.cli.printable import printable
from tenant_migrations.database import tenant_connection
from tenant_migrations.fleet.findings import named, plural
from tenant_migrations.observability.alerts.problems import Problem
from tenant_migrations.redaction import redacted

MOST_NAMED = 5
"""Tenants that a message names; of the others it gives the number."""

LONGEST_LINE = 500
"""Characters of one line; messages of database errors may be of any length."""


class Tone(Enum):
    """How a message looks where its receiver has colours; the values are Apprise's."""

    CRITICAL = "failure"
    WARNING = "warning"
    INFO = "info"
    OVER = "success"


@dataclass(frozen=True)
class Message:
    """What is sent to a channel."""

    title: str
    body: str
    tone: Tone
    key: str = ""
    """What a paging service knows the problem by; the same when it is over."""
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The body's lines by name, for receivers that keep them apart."""
    markdown: bool = False
    attachment: Path | None = None
    """A file for receivers that take one."""


def source() -> str:
    """What this fleet is called in messages."""
    return conf.get().ALERT_SOURCE or str(tenant_connection().settings_dict["NAME"])


def headline(problem: Problem) -> str:
    """A problem in one line, such as ``3 tenants drifted (TM101)``."""
    if not problem.tenants:
        return problem.what
    return f"{plural(len(problem.tenants), 'tenant')} {problem.what}"


def told(problem: Problem, since: datetime, times_sent: int) -> Message:
    """A problem that is there, for the first time or once more."""
    names = [printable(name) for name in problem.tenants]
    facts = {
        "Tenants": named(names, MOST_NAMED),
        "Migration": problem.migration,
        "SQLSTATE": problem.sqlstate,
        "Cause": "; ".join(problem.causes),
        "Hint": problem.hint,
        "Type": problem.command,
        "Since": f"{_moment(since)}, told {times_sent + 1} times" if times_sent else "",
    }
    tone = Tone[problem.severity.name]
    return _message(headline(problem), facts, tone, problem.key)


def over(key: str, title: str, since: datetime, now: datetime) -> Message:
    """A problem that is no longer there; ``title`` is what was said of it last."""
    lasted = f"from {_moment(since)} to {_moment(now)}"
    return _message(f"Over: {title}", {"Lasted": lasted}, Tone.OVER, key)


def _message(title: str, facts: Mapping[str, str], tone: Tone, key: str) -> Message:
    clean = {name: _clean(text) for name, text in facts.items() if text}
    return Message(
        title=_clean(f"[{source()}] {title}"),
        body="\n".join(f"{name}: {text}" for name, text in clean.items()),
        tone=tone,
        key=f"tenant-migrations/{source()}/{key}",
        facts=clean,
    )


def _clean(text: str) -> str:
    line = printable(redacted(text))
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M %Z}"
