"""What the checks answered, as frozen data that text and JSON render."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from tenant_migrations.vocabulary import CheckStatus, ExitCode, HealthStatus

SUM = {
    CheckStatus.HEALTHY: HealthStatus.HEALTHY,
    CheckStatus.WARNING: HealthStatus.DEGRADED,
    CheckStatus.UNHEALTHY: HealthStatus.UNHEALTHY,
}
"""What one check makes of all of them, unless a graver one is there."""


@dataclass(frozen=True)
class Answer:
    """What one check says, without secrets."""

    status: CheckStatus
    message: str
    hint: str = ""
    """What to type or do next; empty where nothing is to be done."""
    details: Mapping[str, Any] = field(default_factory=dict)


def healthy(message: str, **details: Any) -> Answer:
    return Answer(CheckStatus.HEALTHY, message, details=details)


def warning(message: str, hint: str, **details: Any) -> Answer:
    return Answer(CheckStatus.WARNING, message, hint, details)


def unhealthy(message: str, hint: str, **details: Any) -> Answer:
    return Answer(CheckStatus.UNHEALTHY, message, hint, details)


@dataclass(frozen=True)
class CheckResult:
    """One check's name, answer and duration."""

    name: str
    answer: Answer
    duration_seconds: float
    overran: bool = False
    """Whether there was no answer in time; what it does may still be going on."""


@dataclass(frozen=True)
class HealthReport:
    """All answers, in the order of the checks."""

    timestamp: datetime
    duration_seconds: float
    results: tuple[CheckResult, ...]

    @cached_property
    def by_status(self) -> Mapping[CheckStatus, int]:
        statuses = [result.answer.status for result in self.results]
        return {status: statuses.count(status) for status in CheckStatus}

    @property
    def status(self) -> HealthStatus:
        """The gravest of all answers."""
        gravest = [status for status in CheckStatus if self.by_status[status]]
        return SUM[gravest[-1]] if gravest else HealthStatus.HEALTHY

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.CLEAN if self.status is HealthStatus.HEALTHY else ExitCode.FINDINGS

    @property
    def overran(self) -> bool:
        return any(result.overran for result in self.results)

    def document(self) -> dict[str, Any]:
        """The JSON document that other programs rely on."""
        return empty_document() | {
            "status": self.status.value,
            "timestamp": self.timestamp.isoformat(),
            "duration_seconds": self.duration_seconds,
            "checks": {result.name: _result_document(result) for result in self.results},
        }


def empty_document() -> dict[str, Any]:
    """The shape of the answer with nothing in it."""
    return {
        "status": "error",
        "error": None,
        "timestamp": None,
        "duration_seconds": None,
        "checks": {},
    }


def _result_document(result: CheckResult) -> dict[str, Any]:
    hint = {"hint": result.answer.hint} if result.answer.hint else {}
    return {
        "status": result.answer.status.value,
        "message": result.answer.message,
        "details": {**result.answer.details, **hint},
        "duration_seconds": result.duration_seconds,
    }
