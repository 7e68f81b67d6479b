"""Fixtures of all tests: one throw-away PostgreSQL per run, a fresh copy of a fleet per test."""

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.contrib.contenttypes.models import ContentType

from tests.support import debian
from tests.support.fleets import Fleet
from tests.support.runs import Run
from tests.support.servers import Database, Server
from tests.support.templates import django_on, template_fleet, template_public

# The same examples in every run, however busy the machine is, and no folder left behind.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")

_numbers = itertools.count()
RUN = pytest.StashKey[Run]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, in the process that was started by hand; its workers join it."""
    # A shell has what it starts in the background ignore SIGINT, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    joined = getattr(config, "workerinput", None)
    config.stash[RUN] = Run(Path(joined["run_folder"])) if joined else Run.begin()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker which run it belongs to."""
    node.workerinput["run_folder"] = str(node.config.stash[RUN].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run, also after Ctrl-C."""
    if RUN in config.stash and not hasattr(config, "workerinput"):
        config.stash[RUN].end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where Debian's packages are required, lacking one is a failure and no reason to skip."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("REQUIRE_DEBIAN_PACKAGES") == "1":
        reason = str(getattr(call.excinfo, "value", ""))
        if reason.startswith("needs Debian package"):
            report.outcome = "failed"
            report.longrepr = reason


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Tests use the databases of `fleet` and `public_only`, none of pytest-django's."""


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> Run:
    """This run of the tests."""
    return request.config.stash[RUN]


@pytest.fixture(scope="session")
def server(run: Run) -> Server:
    """The run's PostgreSQL server."""
    return run.server()


@pytest.fixture(scope="session")
def postgres_15(run: Run) -> Server:
    """A server of Debian's PostgreSQL 15."""
    programs = debian.bin_folder(15)
    if not programs.is_dir():
        pytest.skip("needs Debian package postgresql-15")
    return run.debian_server(programs)


@pytest.fixture
def fleet_on(
    run: Run, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """A context manager that gives a fresh copy of a template on a server."""

    @contextmanager
    def on(server: Server, template: Callable[[Run, Server], Database]) -> Iterator[Fleet]:
        with django_db_blocker.unblock():
            original = template(run, server)
            database = server.database(f"{os.getpid()}_{next(_numbers)}").create(original)
            try:
                with django_on(database):
                    monkeypatch.setenv("DATABASE_URL", database.url)
                    yield Fleet(run, database)
            finally:
                ContentType.objects.clear_cache()
                database.drop()

    return on


@pytest.fixture
def fleet(server: Server, fleet_on: Callable[..., Any]) -> Iterator[Fleet]:
    """Four healthy tenants, `alpha`, `beta`, `gamma` and `delta`, and references built."""
    with fleet_on(server, template_fleet) as made:
        yield made


@pytest.fixture
def public_only(server: Server, fleet_on: Callable[..., Any]) -> Iterator[Fleet]:
    """A database at the code without any tenant, and references built."""
    with fleet_on(server, template_public) as made:
        yield made


@pytest.fixture
def fleet_on_15(postgres_15: Server, fleet_on: Callable[..., Any]) -> Iterator[Fleet]:
    """The same four tenants on Debian's PostgreSQL 15."""
    with fleet_on(postgres_15, template_fleet) as made:
        yield made
