"""When nothing can or may be healed: one clear error, and nothing is written."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from tests.support.servers import Server
from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

NAMES = ("clean", "first", "second", "third")


def everything(fleet: TortureFleet) -> list[str]:
    return [fleet.everything(name) for name in NAMES]


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    """A role that may log in and nothing else."""
    name = f"{server.prefix}_limited"
    server.run(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    yield name
    server.run(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
    server.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_read_only_server_is_one_clear_error(torture: TortureFleet) -> None:
    before = everything(torture)
    torture.sql(f"ALTER DATABASE {torture.database.name} SET default_transaction_read_only = on")
    answer = torture.heal()
    assert answer.exit_code == 3, answer.stdout + answer.stderr
    assert answer.json["status"] == "error"
    assert "read-only" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr
    assert everything(torture) == before


def test_a_role_that_may_only_read_is_one_clear_error(torture: TortureFleet, role: str) -> None:
    before = everything(torture)
    for schema in ("public", *NAMES):
        torture.sql(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        torture.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    answer = torture.heal(user=role)
    torture.sql(f"DROP OWNED BY {role}")
    assert answer.exit_code == 3, answer.stdout + answer.stderr
    assert "permission denied" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr
    assert everything(torture) == before


def test_code_that_is_older_than_a_newer_deploy_heals_nothing(torture: TortureFleet) -> None:
    before = everything(torture)
    torture.version = version(torture.folder, "quick", without=["0004_last"])
    answer = torture.heal()
    assert answer.exit_code == 1
    assert "older than the newest recorded" in answer.stderr.splitlines()[-1]
    assert "quick.0004_last" in answer.stderr
    assert everything(torture) == before
    assert torture.last_rollout()["state"] == "stopped"


def test_public_that_fails_keeps_every_tenant_untouched(torture: TortureFleet) -> None:
    before = everything(torture)
    torture.version = version(
        torture.folder, "customers", {"0002_broken": 'migrations.RunSQL("SELECT nonsense")'}
    )
    answer = torture.heal()
    assert answer.exit_code == 1
    error = answer.stderr.splitlines()[-1]
    assert "customers.0002_broken" in error
    assert "42703" in error
    assert "no tenant was touched" in error
    assert everything(torture) == before


BAD_WORDS = [
    ("--max-failures=-1",),
    ("--max-failures=abc",),
    ("--max-failures=1.5",),
    ("--max-failures=%",),
    ("--lock-timeout=0",),
    ("--lock-timeout=soon",),
    ("--jobs=0",),
    ("--canary=nobody",),
    ("--canary=",),
    ("--canary=clean", "--tenant=first"),
    ("--tenant=nobody",),
    ("--tenant=",),
    ("--tenant=public",),
    ("--tenant=FIRST",),
    ("--tenant=f%",),
    ("--app=nothing",),
    ("--app=",),
    ("--unknown",),
]


@pytest.mark.parametrize("words", BAD_WORDS, ids=" ".join)
def test_a_bad_value_is_answered_in_one_line_and_nothing_is_written(
    words: tuple[str, ...], torture_template: TortureFleet
) -> None:
    runs = torture_template.value("SELECT count(*) FROM tenant_migrations_rollout")
    answer = torture_template.heal(*words)
    assert answer.exit_code == 2, answer.stdout + answer.stderr
    assert answer.json["status"] == "error"
    assert answer.error_line.startswith("error: ")
    assert torture_template.value("SELECT count(*) FROM tenant_migrations_rollout") == runs


@pytest.mark.parametrize(
    "word",
    ["--dry-run", "--reconcile", "--retry-quarantined", "--canary=first", "--max-failures=1"],
)
def test_words_of_healing_need_fix(word: str, torture_template: TortureFleet) -> None:
    answer = torture_template.verify(word)
    assert answer.exit_code == 2
    assert "needs --fix" in answer.error_line
