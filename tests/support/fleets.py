"""A fleet in a database of its own, which tests break, verify and heal."""

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from django.core.management import call_command, get_commands, load_command_class

from tenant_migrations.database import quote
from tests.support.answers import Answer
from tests.support.runs import Run
from tests.support.servers import Database
from tests.support.templates import add_tenant_row, copy_clean_schema

CHECKOUT = Path(__file__).resolve().parents[2]


class Fleet:
    """Tenants in `database`, to which this process's Django is connected too."""

    def __init__(self, run: Run, database: Database) -> None:
        self._run = run
        self.database = database

    # --- asking

    def verify(self, *argv: str) -> Answer:
        """`manage.py verify_tenant_migrations` in this process, without a terminal."""
        return self.command("verify_tenant_migrations", *argv)

    def command(self, name: str, *argv: str) -> Answer:
        """A management command in this process, as if typed."""
        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        line = ["manage.py", name, *argv]
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            patch.object(sys, "argv", line),
        ):
            try:
                load_command_class(get_commands()[name], name).run_from_argv(line)
            except SystemExit as end:
                code = end.code or 0
        return Answer(int(code), out.getvalue(), err.getvalue())

    def manage(self, *argv: str, timeout: float = 120, **env: str) -> Answer:
        """`manage.py` as a process of its own; `env` is added to its environment."""
        finished = subprocess.run(
            [sys.executable, "manage.py", *argv],
            cwd=CHECKOUT,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Answer(finished.returncode, finished.stdout, finished.stderr)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process that works on this fleet."""
        return os.environ | {"DATABASE_URL": self.database.url} | more

    # --- reading

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection of its own; as a context manager it is closed at the end."""
        return self.database.connect(**options)

    def rows(self, statement: str, *values: Any, schema: str = "public") -> list[tuple[Any, ...]]:
        """Rows of a statement that is run with only `schema` in the search path."""
        with self.connect() as raw:
            raw.execute("SELECT set_config('search_path', %s, false)", (quote(schema),))
            cursor = raw.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *values: Any, schema: str = "public") -> Any:
        """The only value of the only row."""
        ((value,),) = self.rows(statement, *values, schema=schema)
        return value

    def waiting_for_lock(self) -> bool:
        """Whether anybody in this database waits for a table."""
        return bool(self.waiting_backends())

    def waiting_backends(self) -> list[int]:
        """Those that wait for a table of this database; other databases are other tests'."""
        return [
            pid
            for (pid,) in self.rows(
                "SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND"
                " database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        ]

    def dump(self, schema: str) -> str:
        """`pg_dump --schema-only` of a schema with its name left out, to compare with others."""
        script = self.database.pg_dump("--schema-only", "--schema", quote(schema))
        name = f"(?:{re.escape(quote(schema))}|{re.escape(schema)})"
        script = re.sub(
            rf"(?<=SCHEMA ){name}(?=[; ])|(?<=(?:chema|.Name): ){name}", "SCHEMA", script
        )
        script = re.sub(rf"(?<![\w\"]){name}(?=\.)", "SCHEMA", script)
        return script

    def dump_all(self, *, records: bool = True) -> str:
        """`pg_dump` of the whole database with its rows, if need be without the app's records."""
        options = ["--inserts", "--rows-per-insert=100"]
        without = [] if records else ["--exclude-table-data=public.tenant_migrations_*"]
        return self.database.pg_dump(*options, *without)

    def ledger(self, schema: str) -> list[tuple[str, str]]:
        """What a schema's `django_migrations` records, sorted, with duplicates."""
        rows = self.rows("SELECT app, name FROM django_migrations ORDER BY 1, 2", schema=schema)
        return [(app, name) for app, name in rows]

    def tables(self, schema: str) -> list[str]:
        """Names of a schema's tables."""
        rows = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", schema)
        return [name for (name,) in rows]

    def counts(self, schema: str) -> dict[str, int]:
        """The number of rows in each table of a schema."""
        return {table: len(rows) for table, rows in self.content(schema).items()}

    def content(self, schema: str) -> dict[str, list[str]]:
        """All rows of a schema as sorted text; of the ledger only what is recorded."""
        tables = self.tables(schema)
        with self.connect() as raw:
            raw.execute("SELECT set_config('search_path', %s, false)", (quote(schema),))
            return {
                table: sorted(
                    row[0]
                    for row in raw.execute(
                        "SELECT app || '.' || name FROM django_migrations"
                        if table == "django_migrations"
                        else f"SELECT t::text FROM {quote(table)} t"
                    )
                )
                for table in tables
            }

    # --- breaking

    def sql(self, statement: str, *values: Any, schema: str = "public") -> None:
        """Run a statement with only `schema` in the search path."""
        self.rows(statement, *values, schema=schema)

    def drop_table(self, schema: str, table: str) -> None:
        """Drop a table and what depends on it."""
        self.sql(f"DROP TABLE {quote(table)} CASCADE", schema=schema)

    def forget_migration(self, schema: str, app: str, name: str) -> None:
        """Delete a ledger row; what the migration made stays."""
        statement = "DELETE FROM django_migrations WHERE app = %s AND name = %s RETURNING id"
        assert self.rows(statement, app, name, schema=schema), f"{app}.{name} was not recorded"

    def fake_migration(self, schema: str, app: str, name: str) -> None:
        """Write a ledger row; nothing is made."""
        statement = "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())"
        self.sql(statement, app, name, schema=schema)

    def take_back(self, schema: str, app: str, name: str) -> None:
        """Have Django migrate an app of a schema backward to `name`, so that it is behind."""
        call_command(
            "migrate_schemas",
            app,
            name,
            schema_name=schema,
            executor="standard",
            interactive=False,
            verbosity=0,
        )

    def invalidate_index(self, schema: str, index: str) -> None:
        """Leave an index as an interrupted `CREATE INDEX CONCURRENTLY` does."""
        self.sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
            quote(index),
            schema=schema,
        )

    # --- tenants

    def add_tenant(
        self, name: str, *, schema: bool = True, domain: str | None = "", primary: bool = True
    ) -> None:
        """One more healthy tenant; without `schema` it has a row only.

        Its domain is made up unless given; `None` is none at all.
        """
        if domain == "":
            domain = f"{name.encode().hex()[:40]}.localhost"
        add_tenant_row(self.database, name, domain, primary=primary)
        if schema:
            self.add_schema(name)

    def add_schema(self, name: str) -> None:
        """A healthy schema without a tenant row."""
        copy_clean_schema(self._run, self.database, name)

    def drop_schema(self, name: str) -> None:
        """Drop a schema; its tenant row stays."""
        self.sql(f"DROP SCHEMA {quote(name)} CASCADE")

    def remove_row(self, name: str) -> None:
        """Delete a tenant's row and domains; its schema stays."""
        self.sql(
            "DELETE FROM tenants_domain WHERE tenant_id ="
            " (SELECT id FROM tenants_tenant WHERE schema_name = %s)",
            name,
        )
        self.sql("DELETE FROM tenants_tenant WHERE schema_name = %s", name)

    def remove_others(self, keep: Iterable[str] = ()) -> None:
        """Remove all tenants but those named, rows and schemas."""
        for (name,) in self.rows("SELECT schema_name FROM tenants_tenant"):
            if name not in keep:
                self.remove_row(name)
                self.sql(f"DROP SCHEMA IF EXISTS {quote(name)} CASCADE")

    # --- others at work

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Hold the fleet lock on another connection, as another run does."""
        from tenant_migrations.locks import FLEET

        with self.connect() as raw:
            raw.execute("SELECT pg_advisory_lock(%s, 0)", (FLEET,))
            yield
