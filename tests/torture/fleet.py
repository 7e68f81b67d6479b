"""The torture project's fleet in a database of its own, with its commands."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tenant_migrations.database import quote
from tests.support.answers import Answer
from tests.support.servers import Database
from tests.torture.waiting import until

CHECKOUT = Path(__file__).resolve().parents[2]
_numbers = itertools.count()


class Forge:
    """The process that commands are forked from (``forge.py``)."""

    def __init__(self, url: str, settings: str = "tests.torture.settings") -> None:
        path = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "src")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.forge", settings],
            cwd=CHECKOUT,
            env=os.environ | {"DATABASE_URL": url, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, verb: str, what: Any) -> int:
        """One question, one answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({verb: what}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the forge ended"
        return int(json.loads(answer))

    def close(self) -> None:
        """End it; commands that still run are not its business."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass
class Version:
    """A version of the code: per app the package that its migrations come from."""

    packages: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()


class Command:
    """A command that was started."""

    def __init__(self, forge: Forge, folder: Path, name: str, what: dict[str, Any]) -> None:
        self._forge = forge
        self._files = [folder / f"{name}.out", folder / f"{name}.err"]
        self.name = name
        files = dict(zip(("stdout", "stderr"), map(str, self._files), strict=True))
        self.pid = forge.ask("start", what | files)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self) -> Answer:
        """Its answer, when it has ended."""
        code = self._forge.ask("wait", self.pid)
        out, err = (path.read_text() for path in self._files)
        return Answer(code, out, err)


class TortureFleet:
    """Tenants in ``database``."""

    def __init__(self, forge: Forge, database: Database, folder: Path) -> None:
        self.forge = forge
        self.database = database
        self.folder = folder
        self.version = Version()
        self.options: dict[str, Any] = {}

    # --- commands

    def start(self, *argv: str, user: str = "", **environment: str) -> Command:
        """Start a management command; ``user`` is another database role."""
        name = f"torture-{os.getpid()}-{next(_numbers)}"
        database = Database(self.database.server, self.database.name, user).settings
        what = {
            "argv": argv,
            "environment": {"PGAPPNAME": name, **environment},
            "database": database,
            "migrations": dict(self.version.packages),
            "path": list(self.version.path),
            "options": self.options,
        }
        return Command(self.forge, self.folder, name, what)

    def run(self, *argv: str, user: str = "", **environment: str) -> Answer:
        """A management command, to its end."""
        return self.start(*argv, user=user, **environment).wait()

    def verify(self, *argv: str, **environment: str) -> Answer:
        """``verify_tenant_migrations --json``."""
        return self.run("verify_tenant_migrations", "--json", *argv, **environment)

    def heal(self, *argv: str, **environment: str) -> Answer:
        """``verify_tenant_migrations --json --fix``."""
        return self.verify("--fix", *argv, **environment)

    def start_heal(self, *argv: str, **environment: str) -> Command:
        """The same, without waiting for its end."""
        return self.start("verify_tenant_migrations", "--json", "--fix", *argv, **environment)

    def migrate(self, schema: str, *target: str) -> None:
        """Django's own way: ``migrate_schemas`` for one tenant."""
        standard = "--executor=standard"
        answer = self.run("migrate_schemas", *target, f"--schema={schema}", standard, "-v0")
        assert answer.exit_code == 0, answer.stderr

    # --- tenants

    def add_tenant(self, name: str) -> None:
        """A tenant with an empty schema."""
        self.sql(f"CREATE SCHEMA {quote(name)}")
        self.add_row(name)

    def add_row(self, name: str) -> None:
        """The row and the domain of a tenant."""
        with self.connect() as raw, raw.transaction():
            row = raw.execute(
                "INSERT INTO customers_tenant (schema_name, name) VALUES (%s, '') RETURNING id",
                (name,),
            ).fetchone()
            assert row
            raw.execute(
                "INSERT INTO customers_domain (domain, is_primary, tenant_id) "
                "VALUES (%s, true, %s)",
                (f"{name}.localhost", row[0]),
            )

    def copy_tenant(self, source: str, name: str) -> None:
        """A tenant that is equal to another in structure, ledger and rows."""
        self.copy_schema(source, name)
        self.add_row(name)

    def copy_schema(self, source: str, name: str) -> None:
        """The same without the row that makes it a tenant."""
        script = self.database.pg_dump("--inserts", "--schema", quote(source))
        with self.connect() as raw:
            raw.execute(renamed(script, source, quote(name)).encode(), prepare=False)

    # --- reading and breaking

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection of its own."""
        return self.database.connect(**options)

    def sql(self, statement: str, *values: Any, schema: str = "public") -> list[tuple[Any, ...]]:
        """Run one or more statements with only ``schema`` in the search path."""
        with self.connect() as raw:
            raw.execute("SELECT set_config('search_path', %s, false)", (quote(schema),))
            cursor = raw.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *values: Any, schema: str = "public") -> Any:
        """The only value of the only row."""
        ((value,),) = self.sql(statement, *values, schema=schema)
        return value

    def structure(self, schema: str) -> str:
        """``pg_dump --schema-only`` without the schema's name."""
        script = self.database.pg_dump("--schema-only", "--schema", quote(schema))
        return renamed(script, schema, "SCHEMA")

    def rows(self, schema: str) -> str:
        """``pg_dump --data-only --inserts`` without the schema's name and points in time.

        Its lines are sorted: where an updated row goes depends on what autovacuum cleared before.
        """
        script = self.database.pg_dump("--data-only", "--inserts", "--schema", quote(schema))
        script = re.sub(
            r"'\d{4}-\d\d-\d\d \d\d:[^']*'", "'TIME'", renamed(script, schema, "SCHEMA")
        )
        return "\n".join(sorted(script.splitlines()))

    def ledger(self, schema: str) -> list[tuple[str, str]]:
        """What ``django_migrations`` records, in the order in which it was written."""
        if not self.value("SELECT to_regclass('django_migrations') IS NOT NULL", schema=schema):
            return []
        rows = self.sql("SELECT app, name FROM django_migrations ORDER BY id", schema=schema)
        return [(app, name) for app, name in rows]

    def everything(self, schema: str) -> str:
        """Structure and rows, points in time included, as ``pg_dump`` writes them."""
        return self.database.pg_dump("--inserts", "--schema", quote(schema))

    def lasting(self, schema: str) -> str:
        """The same without the state of sequences, which no rollback takes back."""
        lines = self.everything(schema).splitlines()
        return "\n".join(line for line in lines if "setval" not in line)

    def advisory_locks(self) -> list[tuple[Any, ...]]:
        """Those that anybody holds in this database."""
        return self.sql(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    def last_rollout(self) -> dict[str, Any]:
        """The newest record of a run."""
        ((row,),) = self.sql(
            "SELECT row_to_json(r) FROM tenant_migrations_rollout r ORDER BY id DESC LIMIT 1"
        )
        return dict(row)

    def outcomes(self, rollout: int) -> dict[str, dict[str, Any]]:
        """What a run did, by schema name."""
        rows = self.sql(
            "SELECT row_to_json(o) FROM tenant_migrations_tenantoutcome o WHERE rollout_id = %s",
            rollout,
        )
        return {row["schema_name"]: row for (row,) in rows}

    def advisory_lock_holder(self, sort: int) -> int:
        """The backend that holds an advisory lock of a sort."""
        pid = self.value(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
            sort,
        )
        return int(pid)

    def terminate(self, pid: int) -> None:
        """End a backend, as an administrator or a crash does, and wait until it is gone."""
        assert self.value("SELECT pg_terminate_backend(%s, 10000)", pid)

    # --- waiting

    def wait_for_backends(self, command: Command) -> None:
        """Until the server has noticed that a command is gone."""
        until(
            lambda: (
                not self.sql(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = %s", command.name
                )
            ),
            f"the connections of {command.name} are gone",
        )

    def wait_until_blocked(self, command: Command) -> int:
        """Until a connection of a command waits for a lock; the pid of its backend."""

        def blocked() -> int:
            rows = self.sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name = %s "
                "AND wait_event_type = 'Lock'",
                command.name,
            )
            return rows[0][0] if rows else 0

        return until(blocked, f"{command.name} waits for a lock")

    def wait_for_outcome(self, schema: str, state: str) -> None:
        """Until the newest run has come so far with a tenant."""
        until(
            lambda: self.outcomes(self.last_rollout()["id"]).get(schema, {}).get("state") == state,
            f"{schema} is {state}",
        )

    @contextlib.contextmanager
    def stopped_in(self, schema: str, *argv: str) -> Iterator[tuple[Command, int]]:
        """A heal that waits for a lock in `quick.0001_initial` of a tenant, and its backend.

        What it waits for is let go at the end.
        """
        table = f"{quote(schema)}.stock_shelf"
        with self.holding(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"):
            command = self.start_heal("--lock-timeout=60000", *argv)
            yield command, self.wait_until_blocked(command)

    @contextlib.contextmanager
    def holding(self, statement: str) -> Iterator[psycopg.Connection[Any]]:
        """Another session with an open transaction in which a statement was run."""
        with self.connect(autocommit=False) as raw:
            raw.execute(statement)
            yield raw
            if not raw.closed:
                raw.rollback()


def renamed(script: str, schema: str, name: str) -> str:
    """A dump with another schema's name in place of its own."""
    script = re.sub(rf"(?<![\w.@']){re.escape(schema)}(?=[.;])", lambda _: name, script)
    script = re.sub(rf"(?<=Schema: ){re.escape(schema)}(?=;)", lambda _: name, script)
    script = re.sub(rf"(?<=')\"?{re.escape(schema)}\"?\.", lambda _: f"{name}.", script)
    script = re.sub(rf"(?<=SCHEMA ){re.escape(schema)}\b", lambda _: name, script)
    return script.replace(f"Name: {schema}; Type: SCHEMA", f"Name: {name}; Type: SCHEMA")


def names(keys: Sequence[tuple[str, str]]) -> list[str]:
    """``app.name`` of each key."""
    return [f"{app}.{name}" for app, name in keys]
