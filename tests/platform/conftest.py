"""Throw-away servers for the tests of the embedded PostgreSQL, and databases of the platform."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg
import pytest
import pytest_django
from django.db import connection
from django_tenants.utils import schema_context
from psycopg import conninfo

from tests.platform.databases import Database, copied
from tests.support.runs import Run
from tests.support.templates import template_demo
from zumodra.embedded_postgres import EmbeddedPostgres
from zumodra.embedded_postgres.placement import prepare
from zumodra.tenants.models import Tenant

FAST = {"fsync": "off", "shared_buffers": "16MB", "max_locks_per_transaction": "64"}

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short path, which root may hand over to the server's account."""
    with tempfile.TemporaryDirectory(prefix="ep", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def open_folder(folder: Path) -> Path:
    """The same, open to every account: servers go into folders below it."""
    folder.chmod(0o755)
    return folder


@pytest.fixture
def make_server() -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Makes servers without durability, which are removed with all their files afterwards."""
    made = []

    def make(data_root: Path, **options: Any) -> EmbeddedPostgres:
        settings = FAST | options.pop("settings", {})
        made.append(EmbeddedPostgres(data_root, settings=settings, **options))
        return made[-1]

    yield make
    for server in made:
        server.remove()


@pytest.fixture(scope="session")
def prepared_data() -> Iterator[Path]:
    """The data directory of a server that was started once; copying it saves its creation."""
    with tempfile.TemporaryDirectory(prefix="ep", dir="/tmp", ignore_cleanup_errors=True) as name:
        server = EmbeddedPostgres(Path(name), settings=FAST)
        server.start()
        server.stop()
        yield server.placement.data
        server.remove()


@pytest.fixture
def server(
    folder: Path, make_server: Callable[..., EmbeddedPostgres], prepared_data: Path
) -> EmbeddedPostgres:
    """A stopped server that has its data."""
    server = make_server(folder)
    prepare(server.placement)
    subprocess.run(["cp", "-a", prepared_data, server.placement.data], check=True)
    return server


@pytest.fixture
def new_server(folder: Path, make_server: Callable[..., EmbeddedPostgres]) -> EmbeddedPostgres:
    """A server that was never started."""
    return make_server(folder)


@pytest.fixture
def query() -> Query:
    """Runs one statement on a server, in a connection of its own."""

    def run(server: EmbeddedPostgres, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(server.url()) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture(scope="session")
def platform_server(run: Run) -> str:
    """Connection string of the run's server, for the platform's databases."""
    server = run.server()
    return conninfo.make_conninfo(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password or None,
        dbname=server.maintenance,
    )


@pytest.fixture(scope="session")
def demo_template(
    run: Run, platform_server: str, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Database:
    """A database with the demo company, made by the command. Only to be copied and read."""
    with django_db_blocker.unblock():
        return Database(platform_server, template_demo(run, run.server()).name)


@pytest.fixture
def empty_database(platform_server: str) -> Iterator[Database]:
    """A database with nothing in it."""
    with copied(platform_server) as database:
        yield database


@pytest.fixture
def demo_database(demo_template: Database) -> Iterator[Database]:
    """A database with the demo company, to be changed at will."""
    with copied(demo_template.server, demo_template.name) as database:
        yield database


@pytest.fixture(scope="session")
def django_db_setup(
    demo_template: Database, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """Django's own connection leads to a copy of the demo database."""
    with copied(demo_template.server, demo_template.name) as database:
        settings = connection.settings_dict
        with django_db_blocker.unblock():
            connection.close()
            before = dict(settings)
            settings.update(dj_database_url.parse(database.environment["DATABASE_URL"]))
            settings.update(ENGINE=before["ENGINE"], TEST=before["TEST"])
            yield
            connection.close()
            settings.update(before)


@pytest.fixture
def demo_tenant(db: None) -> Iterator[Tenant]:
    """The demo company, its schema selected; what the test writes is rolled back."""
    tenant = Tenant.objects.get(schema_name="tenant_demo")
    with schema_context(tenant.schema_name):
        yield tenant
