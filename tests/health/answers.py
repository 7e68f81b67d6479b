"""Asking `health_check`, and what it answers."""

from typing import Any

from django.conf import settings as project
from django.test import override_settings

from tenant_migrations.health.running import examine
from tests.support.answers import Answer
from tests.support.fleets import Fleet


def full(fleet: Fleet, *argv: str) -> Answer:
    return fleet.command("health_check", "--full", "--json", *argv)


def check(answer: Answer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = answer.json["checks"][name]
    return found


def settings(**options: Any) -> override_settings:
    return override_settings(TENANT_MIGRATIONS={**project.TENANT_MIGRATIONS, **options})


def examined(timeout: float) -> dict[str, Any]:
    return examine(full=True, timeout=timeout).document()
