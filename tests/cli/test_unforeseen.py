"""An error that nobody foresaw is one line too."""

from unittest.mock import patch

import pytest

from tests.support.fleets import Fleet

FAILS = patch(
    "tenant_migrations.management.commands.verify_tenant_migrations.Code",
    side_effect=RuntimeError("the disk says\nno"),
)


def test_it_is_one_line_and_one_document(fleet: Fleet) -> None:
    with FAILS:
        answer = fleet.verify("--json")
    assert answer.exit_code == 3
    assert answer.stderr == "error: RuntimeError: the disk says; --traceback shows where\n"
    assert answer.json["status"] == "error"


def test_traceback_shows_where(fleet: Fleet) -> None:
    with FAILS, pytest.raises(RuntimeError, match="the disk says"):
        fleet.verify("--traceback")
