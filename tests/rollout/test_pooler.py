"""A pooler between the app and PostgreSQL: refused where a connection is no session."""

import pytest

from tests.support.poolers import pgbouncer
from tests.support.runs import Run
from tests.support.servers import Database
from tests.torture.fleet import TortureFleet

READ_ONLY = "SHOW default_transaction_read_only"


def through(fleet: TortureFleet, database: Database) -> TortureFleet:
    """The same fleet, reached another way."""
    return TortureFleet(fleet.forge, database, fleet.folder)


@pytest.mark.parametrize(
    ("size", "words"), [(5, ()), (1, ("--fix",)), (5, ("--fix",)), (1, ("--fix", "--dry-run"))]
)
def test_transaction_mode_is_refused_and_nothing_is_left_behind(
    torture_template: TortureFleet, run: Run, size: int, words: tuple[str, ...]
) -> None:
    runs = torture_template.value("SELECT count(*) FROM tenant_migrations_rollout")
    with pgbouncer(torture_template.database, run.folder, "transaction", size) as behind:
        answer = through(torture_template, behind).verify(*words)
        with behind.connect() as application:
            assert application.execute(READ_ONLY).fetchone() == ("off",)
    assert answer.exit_code == 3
    assert answer.json["status"] == "error"
    assert answer.error_line.startswith("error: a pooler in transaction mode is between")
    assert answer.error_line.endswith("connect to the server itself, or in session mode")
    assert not torture_template.advisory_locks()
    assert torture_template.value("SELECT count(*) FROM tenant_migrations_rollout") == runs


def test_session_mode_is_as_good_as_none(torture: TortureFleet, run: Run) -> None:
    with pgbouncer(torture.database, run.folder, "session") as behind:
        answer = through(torture, behind).heal()
    assert answer.exit_code == 0, answer.stderr
    assert answer.json["fix"]["fixed"] == 3
