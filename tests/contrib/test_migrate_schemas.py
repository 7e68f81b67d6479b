"""``migrate_schemas`` on this engine: what it does, says and leaves is what Django's own leaves."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models.signals import post_migrate

from tenant_migrations.contrib.django_tenants import get_executor
from tenant_migrations.locks import FLEET
from tests.support.answers import Answer
from tests.support.fleets import Fleet
from tests.support.templates import TENANTS
from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

BEHIND = ("first", "second", "third")
LAST = "quick.0004_last"


def migrate(fleet: TortureFleet, *argv: str, **environment: str) -> Answer:
    return fleet.run("migrate_schemas", *argv, **environment)


def state(fleet: TortureFleet, name: str) -> tuple[str, list[tuple[str, str]], str]:
    return fleet.structure(name), fleet.ledger(name), fleet.rows(name)


def statements(fleet: TortureFleet, path: Path, *argv: str) -> list[str]:
    """What a run sends, to the one connection that is Django's and to all others."""
    answer = migrate(fleet, *argv, STATEMENTS=str(path))
    assert answer.exit_code == 0, answer.stderr
    return path.read_text().splitlines()


class TestBesideDjango:
    """`first` and `second` are equal; one goes our way, the other Django's."""

    def both(self, fleet: TortureFleet, *argv: str, exit_code: int = 0) -> str:
        """Same end, same words, same state; what was printed."""
        ours = migrate(fleet, *argv, "--schema=first")
        django = migrate(fleet, *argv, "--schema=second", "--executor=standard")
        assert (ours.exit_code, ours.stderr) == (exit_code, "")
        assert (django.exit_code, django.stderr) == (exit_code, "")
        expected = django.stdout.replace("standard:second]", "tenant_migrations:first]")
        assert ours.stdout == expected
        assert state(fleet, "first") == state(fleet, "second")
        return ours.stdout

    def test_forwards(self, torture: TortureFleet) -> None:
        said = self.both(torture)
        assert said.count("... OK") == said.count("Applying") > 4

    @pytest.mark.parametrize(
        "target",
        [("quick",), ("quick", "0001"), ("quick", "0002_rows")],
        ids=["an app", "a prefix", "a migration"],
    )
    def test_a_target(self, torture: TortureFleet, target: tuple[str, ...]) -> None:
        said = self.both(torture, *target)
        assert "Applying quick.0001_initial... OK" in said

    def test_nothing_to_do(self, healthy: TortureFleet) -> None:
        assert "No migrations to apply." in self.both(healthy)
        assert "Target specific migration: 0004_last" in self.both(healthy, "quick", "0004")

    def test_backwards(self, healthy: TortureFleet) -> None:
        assert "Unapplying quick.0004_last... OK" in self.both(healthy, "quick", "0003")
        assert "Applying quick.0004_last... OK" in self.both(healthy)

    def test_backwards_over_what_runs_outside_a_transaction(self, healthy: TortureFleet) -> None:
        migrate(healthy, "quick", "zero", "--schema=first", "-v0")
        migrate(healthy, "quick", "zero", "--schema=second", "-v0", "--executor=standard")
        assert state(healthy, "first") == state(healthy, "second")
        assert "quick_note" not in healthy.structure("first")

    def test_fake(self, torture: TortureFleet) -> None:
        assert "Applying quick.0004_last... FAKED" in self.both(torture, "--fake")
        assert "quick_note" not in torture.structure("first")

    def test_plan(self, torture: TortureFleet) -> None:
        before = torture.everything("first")
        assert "Raw Python operation" in self.both(torture, "--plan")
        assert "AlterField" not in self.both(torture, "--plan", "-v0")
        assert torture.everything("first") == before

    @pytest.mark.parametrize("fleet", ["torture", "healthy"])
    def test_check(self, fleet: str, request: pytest.FixtureRequest) -> None:
        torture: TortureFleet = request.getfixturevalue(fleet)
        ours = migrate(torture, "--check", "--schema=first", "-v0")
        django = migrate(torture, "--check", "--schema=second", "-v0", "--executor=standard")
        assert ours.exit_code == django.exit_code == (fleet == "torture")
        assert ours.stdout == django.stdout == ""

    @pytest.mark.parametrize(
        "wrong", [("nowhere",), ("quick", "0009"), ("quick", "000")], ids=["app", "name", "prefix"]
    )
    def test_wrong_use(self, torture: TortureFleet, wrong: tuple[str, ...]) -> None:
        ours = migrate(torture, *wrong)
        django = migrate(torture, *wrong, "--executor=standard")
        assert ours.exit_code == django.exit_code == 1
        assert ours.stderr == django.stderr
        assert ours.stderr.startswith("CommandError: ")

    @pytest.mark.parametrize(
        "option", [("--run-syncdb",), ("--prune", "folded"), ("--fake-initial",)]
    )
    def test_what_is_left_to_django(self, torture: TortureFleet, option: tuple[str, ...]) -> None:
        assert "own way" not in self.both_ways_of(torture, *option)
        said = migrate(torture, *option, "--schema=third", "-v2").stdout
        assert f"=== Django's own way: {option[0]} is Django's own" in said

    def both_ways_of(self, fleet: TortureFleet, *argv: str) -> str:
        ours = migrate(fleet, *argv, "--schema=first")
        django = migrate(fleet, *argv, "--schema=second", "--executor=standard")
        assert ours.exit_code == django.exit_code == 0
        assert ours.stdout == django.stdout.replace("standard:second]", "standard:first]")
        assert state(fleet, "first") == state(fleet, "second")
        return ours.stdout


class TestFleet:
    def test_all_come_to_the_code_and_it_is_on_record(self, torture: TortureFleet) -> None:
        answer = migrate(torture)
        assert answer.exit_code == 0, answer.stderr
        assert answer.stdout.count("] === Starting migration\n") == 5
        assert "[3/4 (75%) tenant_migrations:second]   Applying quick.0001_initial... OK\n" in (
            answer.stdout
        )
        verified = torture.verify()
        assert (verified.exit_code, verified.json["tenants_ok"]) == (0, 4)
        rollout = torture.last_rollout()
        assert (rollout["trigger"], rollout["state"]) == ("migrate_schemas", "finished")
        waves = {wave["wave"]: wave["schemas"] for wave in rollout["waves"]}
        assert [*waves] == ["first of each group", "rest"]
        assert {name for names in waves.values() for name in names} == {*BEHIND}
        outcomes = torture.outcomes(rollout["id"])
        assert {name: row["state"] for name, row in outcomes.items()} == dict.fromkeys(
            BEHIND, "fixed"
        )
        assert LAST in outcomes["first"]["applied"]

    def test_nothing_to_do_costs_no_statement_a_tenant(
        self, healthy: TortureFleet, tmp_path: Path
    ) -> None:
        few = statements(healthy, tmp_path / "few")
        for number in range(8):
            healthy.copy_tenant("clean", f"more{number}")
        many = statements(healthy, tmp_path / "many")
        assert len(many) == len(few) < 40
        assert not any("advisory" in statement for statement in many)
        assert healthy.sql("SELECT 1 FROM tenant_migrations_rollout") != []

    def test_missing_content_types_and_permissions_are_made_good(
        self, healthy: TortureFleet
    ) -> None:
        before = healthy.rows("second")
        types = "SELECT id FROM django_content_type WHERE app_label = 'quick'"
        healthy.sql(
            f"DELETE FROM auth_permission WHERE content_type_id IN ({types});"
            " DELETE FROM django_content_type WHERE app_label = 'quick'",
            schema="first",
        )
        assert migrate(healthy, "-v0").exit_code == 0
        count = "SELECT count(*) FROM auth_permission"
        assert healthy.value(count, schema="first") == healthy.value(count, schema="second")
        assert healthy.rows("second") == before

    def test_check_names_who_is_behind_and_changes_nothing(self, torture: TortureFleet) -> None:
        torture.add_tenant("empty")
        answer = migrate(torture, "--check")
        assert answer.exit_code == 1
        for name in BEHIND:
            assert re.search(
                rf":{name}\]   \d+ to be applied: .*quick.0001_initial,", answer.stdout
            )
        assert re.search(r":empty\]   \d\d+ to be applied: ", answer.stdout)
        assert torture.value("SELECT to_regclass('empty.django_migrations')") is None

    def test_a_failing_tenant_costs_the_others_nothing(self, torture: TortureFleet) -> None:
        torture.sql("CREATE TABLE quick_note (id int)", schema="first")
        torture.sql("DROP SCHEMA third CASCADE")
        answer = migrate(torture)
        assert answer.exit_code == 1
        assert answer.stderr == (
            "CommandError: 2 of 4 schemas failed: "
            "third: there is no schema of that name; "
            'first: quick.0001_initial: relation "quick_note" already exists (SQLSTATE 42P07)\n'
        )
        assert LAST in [".".join(key) for key in torture.ledger("second")]
        assert ("quick", "0001_initial") not in torture.ledger("first")

    def test_a_quarantined_tenant_is_left_alone(self, torture: TortureFleet) -> None:
        torture.sql(
            "INSERT INTO tenant_migrations_quarantine (schema_name, reason, since)"
            " VALUES ('first', 'by hand', now())"
        )
        answer = migrate(torture)
        assert answer.exit_code == 1
        assert "first: it is in quarantine; release it with" in answer.stderr
        assert ("quick", "0001_initial") not in torture.ledger("first")
        assert ("quick", "0004_last") in torture.ledger("second")

    def test_another_run_at_work_is_not_disturbed(self, torture: TortureFleet) -> None:
        before = torture.ledger("first")
        with torture.connect() as other:
            other.execute("SELECT pg_advisory_lock(%s, 0)", (FLEET,))
            answer = migrate(torture)
            assert answer.exit_code == 75
            assert "another run holds the fleet lock" in answer.stderr
            idle = migrate(torture, "--schema=clean")
            assert idle.exit_code == 0, "nothing to do needs no lock"
        assert torture.ledger("first") == before

    def test_a_new_tenant_needs_no_fleet_lock(self, torture: TortureFleet) -> None:
        torture.add_tenant("new")
        with torture.connect() as other:
            other.execute("SELECT pg_advisory_lock(%s, 0)", (FLEET,))
            answer = migrate(torture, "--schema=new", "-v2")
        assert answer.exit_code == 0, answer.stderr
        assert "=== Django's own way: it has no ledger yet" in answer.stdout
        assert torture.verify("--tenant=new").exit_code == 0

    def test_public_comes_by_this_engine_too(self, healthy: TortureFleet) -> None:
        more = "migrations.AddField('tenant', 'note', models.TextField(default=''))"
        healthy.version = version(healthy.folder, "customers", {"0002_note": more})
        answer = migrate(healthy)
        assert answer.exit_code == 0, answer.stderr
        assert "[tenant_migrations:public]   Applying customers.0002_note... OK" in answer.stdout
        outcomes = healthy.outcomes(healthy.last_rollout()["id"] - 1)
        assert outcomes["public"]["state"] == "fixed"

    def test_the_signals_are_those_of_django(self, torture: TortureFleet, tmp_path: Path) -> None:
        heard = tmp_path / "heard"
        assert migrate(torture, "-v0", TORTURE_SIGNALS=str(heard)).exit_code == 0
        lines = heard.read_text().splitlines()
        for name in ("public", "clean", *BEHIND):
            of_this = [line for line in lines if line.endswith(f" {name}")]
            assert of_this == [f"pre_migration {name}", f"migrated {name}"]


def test_executors_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXECUTOR", raising=False)
    assert get_executor().codename == "tenant_migrations"
    assert get_executor("multiprocessing").codename == "multiprocessing"
    monkeypatch.setenv("EXECUTOR", "standard")
    assert get_executor().codename == "standard"


class TestReceivers:
    """Receivers of ``post_migrate`` that a project has, in a fleet that is at the code."""

    @pytest.fixture
    def heard(self) -> Iterator[list[tuple[str, list[Any]]]]:
        """Schemas that a receiver was called for, with the plans that it was given."""
        heard: list[tuple[str, list[Any]]] = []

        def listen(*, apps: Any, plan: list[Any], **_: Any) -> None:
            assert apps.get_model("finance", "Plan")
            heard.append((connection.schema_name, plan))

        post_migrate.connect(listen, sender=apps.get_app_config("finance"), weak=False)
        yield heard
        post_migrate.disconnect(listen, sender=apps.get_app_config("finance"))

    def test_they_are_called_for_every_schema(
        self, fleet: Fleet, heard: list[tuple[str, list[Any]]]
    ) -> None:
        answer = fleet.command("migrate_schemas", "--executor=tenant_migrations", "-v0")
        assert answer.exit_code == 0, answer.stderr
        assert sorted(heard) == sorted((name, []) for name in ("public", *TENANTS))

    def test_one_that_fails_is_that_tenants_failure(self, fleet: Fleet) -> None:
        def refuse(**_: Any) -> None:
            if connection.schema_name == "beta":
                raise ValueError("not in here")

        post_migrate.connect(refuse, weak=False)
        try:
            answer = fleet.command("migrate_schemas", "--executor=tenant_migrations", "-v0")
        finally:
            post_migrate.disconnect(refuse)
        assert answer.exit_code == 1
        assert "1 of 4 schemas failed: beta: ValueError: not in here" in answer.stderr
