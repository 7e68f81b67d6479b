"""Throw-away servers for the tests of the embedded PostgreSQL."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from zumodra.embedded_postgres import EmbeddedPostgres
from zumodra.embedded_postgres.placement import prepare

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
