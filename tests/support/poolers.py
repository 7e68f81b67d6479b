"""PgBouncer in front of a test's server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.support.servers import Database
from tests.torture.waiting import until
from zumodra.embedded_postgres.accounts import for_new_data

PORT = "6432"


@contextmanager
def pgbouncer(database: Database, folder: Path, mode: str, size: int = 20) -> Iterator[Database]:
    """The same database, reached through a pool of `size` connections in a pool mode."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("needs Debian package pgbouncer")
    home = Path(tempfile.mkdtemp(prefix="pool", dir=folder))
    account = for_new_data(home)
    login = {key.lower(): value for key, value in database.settings.items() if value}
    login.pop("name")
    settings = home / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = {' '.join(f'{key}={value}' for key, value in login.items())}\n"
        f"[pgbouncer]\npool_mode = {mode}\ndefault_pool_size = {size}\nauth_type = any\n"
        f"listen_port = {PORT}\nunix_socket_dir = {home}\n"
        "ignore_startup_parameters = extra_float_digits,options\n"
    )
    for path in (home, settings):
        os.chown(path, account.uid, account.gid)
    process = subprocess.Popen(
        [program, "--quiet", settings],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **account.process_options(),
    )
    behind = replace(
        database, server=replace(database.server, host=str(home), port=PORT, password="")
    )
    try:
        until(lambda: _answers(behind), "pgbouncer answers")
        yield behind
    finally:
        process.terminate()
        process.wait(10)


def _answers(database: Database) -> bool:
    try:
        database.connect().close()
    except psycopg.OperationalError:
        return False
    return True
