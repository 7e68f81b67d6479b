"""Writes down the signals of django-tenants, in the file that ``TORTURE_SIGNALS`` names."""

import os
from typing import Any

from django_tenants.signals import schema_migrated, schema_pre_migration


def listen() -> None:
    """Begin to listen; the environment may change afterwards."""
    schema_pre_migration.connect(_hear_before, dispatch_uid="torture.before")
    schema_migrated.connect(_hear_after, dispatch_uid="torture.after")


def _hear_before(*, schema_name: str, **_: Any) -> None:
    _write(f"pre_migration {schema_name}")


def _hear_after(*, schema_name: str, **_: Any) -> None:
    _write(f"migrated {schema_name}")


def _write(line: str) -> None:
    if path := os.environ.get("TORTURE_SIGNALS"):
        with open(path, "a") as file:
            file.write(f"{line}\n")
