"""Databases of the platform for its tests, each a copy of one that was made once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, sql

ROOT = Path(__file__).parent.parent.parent
_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """A database on the tests' server, and the platform's commands run against it."""

    server: str
    """Connection string of the server's maintenance database."""
    name: str

    @property
    def conninfo(self) -> str:
        return conninfo.make_conninfo(self.server, dbname=self.name)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which `manage.py` uses this database and nothing of the tester's."""
        parts = conninfo.conninfo_to_dict(self.conninfo)
        host = str(parts.get("host", "")).replace("/", "%2F")
        login = ":".join(str(parts[key]) for key in ("user", "password") if parts.get(key))
        port = f":{parts['port']}" if parts.get("port") else ""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        url = f"postgres://{login}@{host}{port}/{self.name}"
        return kept | {"DATABASE_URL": url, "SECRET_KEY": "only-for-tests-" * 5}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`manage.py` with the arguments, running."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`manage.py` with the arguments, done."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def query(self, statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement, in a connection of its own."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    @property
    def names(self) -> dict[str, list[Any]]:
        """Everything that a tenant leaves traces in."""
        return {
            what: [row[0] for row in self.query(statement)]
            for what, statement in {
                "schemas": "SELECT nspname FROM pg_namespace WHERE nspname ~ '^tenant_(?!migr)'"
                " ORDER BY 1",
                "tenants": "SELECT schema_name FROM tenants_tenant ORDER BY 1",
                "domains": "SELECT domain FROM tenants_domain ORDER BY 1",
                "users": "SELECT email FROM custom_account_u_user ORDER BY 1",
            }.items()
        }


@contextmanager
def copied(server: str, template: str | None = None) -> Iterator[Database]:
    """An empty database, or a copy of `template`; dropped at the end."""
    database = Database(server, f"platform_{os.getpid()}_{next(_numbers)}")
    name = sql.Identifier(database.name)
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        name, sql.Identifier(template or "template1")
    )
    with psycopg.connect(server, autocommit=True) as connection:
        if connection.info.server_version >= 150000:
            create += sql.SQL(" STRATEGY FILE_COPY")
        connection.execute(create)
        try:
            yield database
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
