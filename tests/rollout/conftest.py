"""The torture project's fleet, and the processes that work on it."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.runs import Run
from tests.support.servers import Database, Server
from tests.torture.fleet import Forge, TortureFleet

BEHIND = ("first", "second", "third")
"""Tenants that lack all of the app `quick`; `clean` lacks nothing."""

_numbers = itertools.count()


@pytest.fixture(scope="session")
def forge(server: Server) -> Iterator[Forge]:
    """The process that commands are forked from."""
    forge = Forge(server.database("none").url)
    yield forge
    forge.close()


@pytest.fixture(scope="session")
def made_once(
    run: Run, server: Server, forge: Forge, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., TortureFleet]:
    """A database that one worker makes and all read or copy."""

    def make(
        name: str, build: Callable[[TortureFleet], None], template: TortureFleet | None = None
    ) -> TortureFleet:
        database = server.database(name)
        fleet = TortureFleet(forge, database, tmp_path_factory.mktemp(name))
        with run.once(database.name) as marker:
            if marker:
                database.drop()
                database.create(template.database if template else None)
                build(fleet)
                marker.touch()
        return fleet

    return make


@pytest.fixture(scope="session")
def torture_public(made_once: Callable[..., TortureFleet]) -> TortureFleet:
    """Public at the code and references built; no tenants."""

    def build(fleet: TortureFleet) -> None:
        answer = fleet.run("migrate_schemas", "--shared", "-v0")
        assert answer.exit_code == 0, answer.stderr
        answer = fleet.verify()
        assert answer.exit_code == 0, answer.stdout + answer.stderr

    return made_once("torture_public", build)


@pytest.fixture(scope="session")
def torture_template(
    made_once: Callable[..., TortureFleet], torture_public: TortureFleet
) -> TortureFleet:
    """One tenant at the code and three behind."""

    def build(fleet: TortureFleet) -> None:
        fleet.add_tenant("clean")
        for app in ("auth", "stock", "shop", "folded"):
            fleet.migrate("clean", app)
        for name in BEHIND:
            fleet.copy_tenant("clean", name)
        fleet.migrate("clean")

    return made_once("torture_fleet", build, torture_public)


@pytest.fixture(scope="session")
def healthy_template(
    made_once: Callable[..., TortureFleet], torture_template: TortureFleet
) -> TortureFleet:
    """The same four tenants, all at the code."""

    def build(fleet: TortureFleet) -> None:
        answer = fleet.heal()
        assert answer.exit_code == 0, answer.stdout + answer.stderr
        assert fleet.verify().exit_code == 0

    return made_once("healthy_fleet", build, torture_template)


@pytest.fixture
def torture_on(
    server: Server, forge: Forge, tmp_path: Path
) -> Iterator[Callable[[TortureFleet], TortureFleet]]:
    """Fresh copies of a template."""
    made: list[Database] = []

    def copy(template: TortureFleet) -> TortureFleet:
        database = server.database(f"torture_{os.getpid()}_{next(_numbers)}")
        made.append(database.create(template.database))
        return TortureFleet(forge, database, tmp_path)

    yield copy
    for database in made:
        database.drop()


@pytest.fixture
def torture(
    torture_on: Callable[[TortureFleet], TortureFleet], torture_template: TortureFleet
) -> TortureFleet:
    """`clean` is at the code; `first`, `second` and `third` are equal and behind."""
    return torture_on(torture_template)


@pytest.fixture
def healthy(
    torture_on: Callable[[TortureFleet], TortureFleet], healthy_template: TortureFleet
) -> TortureFleet:
    """`clean`, `first`, `second` and `third` are all at the code."""
    return torture_on(healthy_template)
