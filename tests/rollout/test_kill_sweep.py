"""A heal that is killed, or loses a backend, at every statement: nothing is left half done.

Two tenants lack four migrations of an app, of which the third runs outside a transaction: in the
one that is done first Django's operations run, in the other what they executed is replayed.
By default the sweep kills before and after each commit and each concurrent index, before each
write of the run's own record, and before one in `STRIDE` of the other statements, which change
nothing that lasts; a backend is ended after every third of these. With ``SWEEP=all`` it is done at
every single statement.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.support.servers import Server
from tests.torture.fleet import Forge, TortureFleet

PARTS, PARTS_TERMINATED = 8, 2
"""The sweeps are cut into so many tests, which workers share."""
STRIDE, STRIDE_TERMINATED = (1, 1) if os.environ.get("SWEEP") == "all" else (48, 3)

APPS_BEFORE = ("auth", "stock", "shop", "folded")
BEHIND = ("first", "second")
ONE_CONNECTION = {"JOBS": 1}
"""So that statements come in the same order every time."""


@dataclass(frozen=True)
class Stages:
    """What Django makes of the tenant on its way, at the ends of transactions."""

    ledgers: tuple[tuple[tuple[str, str], ...], ...]
    structures: tuple[str, ...]
    clean: str
    """Structure and rows of the tenant that nobody may touch."""


@pytest.fixture(scope="session")
def two_behind(
    made_once: Callable[..., TortureFleet], torture_public: TortureFleet
) -> TortureFleet:
    """`clean` is at the code, `first` and `second` are behind."""

    def build(fleet: TortureFleet) -> None:
        fleet.add_tenant("clean")
        for app in APPS_BEFORE:
            fleet.migrate("clean", app)
        for name in BEHIND:
            fleet.copy_tenant("clean", name)
        fleet.migrate("clean")

    return made_once("two_behind", build, torture_public)


@pytest.fixture(scope="session")
def stages(made_once: Callable[..., TortureFleet], two_behind: TortureFleet) -> Stages:
    """Made by Django: behind, before and after the migration by steps, and at the code."""

    def build(fleet: TortureFleet) -> None:
        for name in ("0002_rows", "0003_by_steps"):
            fleet.copy_tenant("first", f"at_{name}")
            fleet.migrate(f"at_{name}", "quick", name)

    fleet = made_once("stages", build, two_behind)
    done = tuple(fleet.ledger("clean"))
    steps = done.index(("quick", "0003_by_steps"))
    ledgers = (tuple(fleet.ledger("first")), done[:steps], done[: steps + 1], done)
    structures = [
        fleet.structure(name) for name in ("first", "at_0002_rows", "at_0003_by_steps", "clean")
    ]
    return Stages(ledgers, tuple(structures), two_behind.everything("clean"))


@pytest.fixture(scope="session")
def statements(
    two_behind: TortureFleet,
    server: Server,
    forge: Forge,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[str]]:
    """What a heal of both sends, from its first statement to its last."""
    database = server.database(f"counted_{os.getpid()}").create(two_behind.database)
    file = tmp_path_factory.mktemp("statements") / "all"
    fleet = TortureFleet(forge, database, file.parent)
    fleet.options = ONE_CONNECTION
    assert fleet.heal(STATEMENTS=str(file)).exit_code == 0
    yield file.read_text().splitlines()
    database.drop()


def points(statements: list[str]) -> list[tuple[int, str]]:
    """Where the sweep kills: number of the statement and moment."""
    chosen: list[tuple[int, str]] = []
    for number, text in enumerate(statements, 1):
        if text == "COMMIT" or "CONCURRENTLY" in text:
            chosen += [(number, "before"), (number, "sent")]
        elif text.startswith("SET search_path"):
            continue  # Sent before every statement, and changes nothing.
        elif _writes_the_record(text) or number % STRIDE == 0:
            chosen.append((number, "before"))
    return chosen


def _writes_the_record(text: str) -> bool:
    writes = text.startswith(("INSERT", "UPDATE", "DELETE", "BEGIN"))
    return writes and '"tenant_migrations_' in text


@pytest.mark.parametrize("part", range(PARTS))
def test_a_heal_killed_anywhere_leaves_nothing_half_done(
    part: int,
    statements: list[str],
    stages: Stages,
    two_behind: TortureFleet,
    torture_on: Callable[[TortureFleet], TortureFleet],
) -> None:
    for number, moment in points(statements)[part::PARTS]:
        at = f"killed {moment} statement {number}: {statements[number - 1][:120]}"
        fleet = torture_on(two_behind)
        fleet.options = ONE_CONNECTION
        kill_and_check(fleet, number, moment, stages, at)
        heal_and_check(fleet, stages, at)
        fleet.database.drop()


@pytest.mark.parametrize("part", range(PARTS_TERMINATED))
def test_a_heal_whose_backend_is_ended_anywhere_is_whole_or_goes_on(
    part: int,
    statements: list[str],
    stages: Stages,
    two_behind: TortureFleet,
    torture_on: Callable[[TortureFleet], TortureFleet],
) -> None:
    """Any of its backends, after the answer: those that read, that write, that hold the lock."""
    numbers = sorted({number for number, _ in points(statements)})[::STRIDE_TERMINATED]
    for number in numbers[part::PARTS_TERMINATED]:
        at = f"terminated after statement {number}: {statements[number - 1][:120]}"
        fleet = torture_on(two_behind)
        fleet.options = ONE_CONNECTION
        answer = fleet.heal(KILL_AT=str(number), KILL_WHEN="terminated")
        # Tried again, or said in one line: a lost lock, or a read that was cut off.
        assert answer.exit_code in (0, 1, 3), f"{at}: {answer.stdout}{answer.stderr}"
        assert "Traceback" not in answer.stderr, at
        check_stages(fleet, stages, at)
        heal_and_check(fleet, stages, at)
        fleet.database.drop()


def kill_and_check(fleet: TortureFleet, number: int, moment: str, stages: Stages, at: str) -> None:
    """Each tenant is at the end of one of its transactions."""
    command = fleet.start_heal(KILL_AT=str(number), KILL_WHEN=moment)
    assert command.wait().exit_code == -9, at
    fleet.wait_for_backends(command)
    check_stages(fleet, stages, at)


def check_stages(fleet: TortureFleet, stages: Stages, at: str) -> None:
    """Each tenant is at the end of one of its transactions, and the record says so."""
    journals = fleet.sql("SELECT schema_name FROM tenant_migrations_stepjournal")
    fixed = fleet.sql("SELECT schema_name FROM tenant_migrations_tenantoutcome WHERE state='fixed'")
    for name in BEHIND:
        ledger = tuple(fleet.ledger(name))
        assert ledger in stages.ledgers, at
        stage = stages.ledgers.index(ledger)
        if (name,) not in journals:
            assert fleet.structure(name) == stages.structures[stage], at
        assert ((name,) in fixed) is (stage == len(stages.ledgers) - 1), at


def heal_and_check(fleet: TortureFleet, stages: Stages, at: str) -> None:
    """The next run finishes, nothing is left behind, and nobody else was touched."""
    runs_before = fleet.value("SELECT count(*) FROM tenant_migrations_rollout")
    answer = fleet.heal()
    assert answer.exit_code == 0, f"{at}: {answer.stdout}{answer.stderr}"
    states = fleet.sql("SELECT state FROM tenant_migrations_rollout ORDER BY id")
    expected = {"crashed", "stopped", "finished"} if runs_before else {"finished"}
    assert [state for (state,) in states][-1] == "finished", at
    assert {state for (state,) in states} <= expected, at
    assert not fleet.sql("SELECT 1 FROM tenant_migrations_tenantoutcome WHERE state = 'running'"), (
        at
    )
    for name in BEHIND:
        assert fleet.structure(name) == stages.structures[-1], at
        assert tuple(fleet.ledger(name)) == stages.ledgers[-1], at
        assert facts(fleet, name) == facts(fleet, "clean"), at
    assert fleet.everything("clean") == stages.clean, at
    assert not fleet.sql("SELECT 1 FROM tenant_migrations_stepjournal"), at
    assert not fleet.sql("SELECT 1 FROM tenant_migrations_quarantine"), at
    assert not fleet.advisory_locks(), at
    if "sent" in at:
        once_more = fleet.heal().json["fix"]
        assert (once_more["fixed"], once_more["failed"], once_more["skipped"]) == (0, 0, 0), at


def facts(fleet: TortureFleet, schema: str) -> list[list[tuple[object, ...]]]:
    """Rows without their numbers: sequences don't go back with a transaction."""
    return [
        fleet.sql(statement, schema=schema)
        for statement in (
            "SELECT text, owner_id, length, kind, last FROM quick_note ORDER BY 1",
            "SELECT app_label, model FROM django_content_type ORDER BY 1, 2",
            "SELECT t.app_label, p.codename, p.name FROM auth_permission p "
            "JOIN django_content_type t ON t.id = p.content_type_id ORDER BY 1, 2",
        )
    ]
