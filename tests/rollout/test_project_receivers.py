"""Receivers of ``pre_migrate`` that a project has are called for every tenant, and cost no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.apps import apps
from django.db import connection
from django.db.models.signals import pre_migrate

from tenant_migrations.rollout.courses import Course
from tests.support.fleets import Fleet
from tests.support.templates import TENANTS


@contextmanager
def listening() -> Iterator[list[str]]:
    """Schemas that a receiver is called for, once for each app."""
    heard: list[str] = []

    def listen(*, apps: Any, plan: list[Any], **_: Any) -> None:
        assert {str(migration) for migration, _ in plan} == {"finance.0025_refund"}
        assert apps.get_model("finance", "Invoice")
        heard.append(connection.schema_name)

    pre_migrate.connect(listen, weak=False)
    try:
        yield heard
    finally:
        pre_migrate.disconnect(listen)


def test_they_are_called_and_the_way_is_worked_out_once(fleet: Fleet) -> None:
    behind = TENANTS[:3]
    for name in behind:
        fleet.take_back(name, "finance", "0024")
    with listening() as heard, patch.object(Course, "of", wraps=Course.of) as worked_out:
        answer = fleet.verify("--json", "--fix")
    assert answer.exit_code == 0, answer.stdout
    assert answer.json["fix"]["fixed"] == 3
    assert set(heard) == set(behind)
    assert len(heard) == 3 * len([c for c in apps.get_app_configs() if c.models_module])
    assert worked_out.call_count == 1
    assert len({fleet.dump(name) for name in TENANTS}) == 1
