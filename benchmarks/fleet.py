"""Fleets of tenants, made quickly and kept for the next run.

The first tenant is made by ``migrate_schemas``; the others are its ``pg_dump``, rows included,
replayed under other names. Each size has a database of its own, and the comment on that database
says what is in it: a fleet that was interrupted, or is of other code, is made anew.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

import psycopg
from psycopg import sql

from benchmarks.server import CHECKOUT, Server

CONNECTIONS = 2
FIRST = "bench_00001"
MIGRATIONS = ("zumodra/*/migrations/*.py", "src/tenant_migrations/migrations/*.py")

Say = Callable[[str], None]

TENANTS = """
    INSERT INTO tenants_tenant (schema_name, uuid, name, slug, plan, status, owner_email,
                                contact_name, contact_phone, country, is_demo, created)
    SELECT name, gen_random_uuid(), name, replace(name, '_', '-'), 'free', 'active',
           'owner@example.com', '', '', '', false, now()
      FROM unnest(%s::text[]) AS name
"""
DOMAINS = """
    INSERT INTO tenants_domain (domain, is_primary, tenant_id, created)
    SELECT slug || '.example.com', true, id, now()
      FROM tenants_tenant
     WHERE schema_name = ANY(%s)
"""
CATALOGS = """
    SELECT oid::regclass::text
      FROM pg_class
     WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
"""
SHAPE = """
    SELECT (SELECT count(*) FROM {ledger}),
           (SELECT count(*) FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
               AND relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I'))
"""


@dataclass(frozen=True)
class Kind:
    """What the tenants of a fleet are like."""

    database: str
    """What the names of the databases begin with."""
    settings: str
    migrations: tuple[str, ...]
    """Files, by pattern, that the tenants were made by."""


PLATFORM = Kind("bench", "zumodra.settings", MIGRATIONS)
SMALL = Kind(
    "bench_small", "benchmarks.small_settings", ("benchmarks/small/migrations/*.py", *MIGRATIONS)
)
"""Of few relations, so that there can be thousands of them."""


@dataclass(frozen=True)
class Fleet:
    """A fleet that is there. All its tenants are alike and at the code."""

    database: str
    tenants: int
    migrations: int
    """Rows in the ledger of each tenant."""
    relations: int
    """Tables, views, sequences and indexes of each tenant."""
    megabytes: int
    """Size of the database on disk."""


def name_of(number: int) -> str:
    """Schema name of the nth tenant, counted from 1."""
    return f"bench_{number:05}"


def code_revision(kind: Kind) -> str:
    """Digest of every migration file."""
    files = sorted(path for pattern in kind.migrations for path in CHECKOUT.glob(pattern))
    return sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def ensure(server: Server, tenants: int, say: Say, kind: Kind = PLATFORM) -> Fleet:
    """The fleet of that size, made where it is not there.

    A smaller fleet of the same code is copied and made larger, which saves its part of the time.
    """
    database, revision = f"{kind.database}_{tenants}", code_revision(kind)
    with server.connect() as connection:
        notes = dict(
            connection.execute(
                "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database"
                " WHERE datname ~ %s",
                (f"^{kind.database}_[0-9]+$",),
            ).fetchall()
        )
    whole = {
        name: json.loads(note)["tenants"]
        for name, note in notes.items()
        if note and json.loads(note)["revision"] == revision
    }
    if database not in whole:
        for name in notes.keys() - whole.keys():
            server.drop(name)
        smaller = [name for name, size in whole.items() if size < tenants]
        _make(server, kind, tenants, max(smaller, key=whole.__getitem__, default=None), whole, say)
        note = json.dumps({"revision": revision, "tenants": tenants})
        with server.connect() as connection:
            connection.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(database), sql.Literal(note)
                )
            )
    return _look_at(server, database, tenants)


def _make(
    server: Server,
    kind: Kind,
    tenants: int,
    smaller: str | None,
    whole: dict[str, int],
    say: Say,
) -> None:
    database = f"{kind.database}_{tenants}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
        sql.Identifier(database),
        sql.Identifier(smaller or "template0"),
        sql.Identifier("file_copy" if smaller else "wal_log"),
    )
    with server.connect() as connection:
        connection.execute(create)
    done = whole[smaller] if smaller else 1
    if not smaller:
        say("migrating public and the first tenant with migrate_schemas")
        _manage(server, kind, database, "migrate_schemas", "--shared")
        _enlist(server, database, [FIRST])
        with server.connect(database) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(FIRST)))
        _manage(server, kind, database, "migrate_schemas", f"--schema={FIRST}")
    names = [name_of(number) for number in range(done + 1, tenants + 1)]
    _replay(server, database, _dump(server, database), names, say)
    _enlist(server, database, names)
    say("vacuuming and analysing the catalogs")
    with server.connect(database) as connection:
        catalogs = [name for (name,) in connection.execute(CATALOGS)]
        connection.execute(f"VACUUM (ANALYZE) {', '.join(catalogs)}")
        connection.execute("CHECKPOINT")


def _manage(server: Server, kind: Kind, database: str, *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments, "--verbosity=0"]
    environment = server.environment(database) | {"DJANGO_SETTINGS_MODULE": kind.settings}
    subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, stdout=sys.stderr)


def _enlist(server: Server, database: str, names: Sequence[str]) -> None:
    """Rows of tenants and their primary domains."""
    with server.connect(database) as connection, connection.transaction():
        connection.execute(TENANTS, (list(names),))
        connection.execute(DOMAINS, (list(names),))


def _dump(server: Server, database: str) -> str:
    """The first tenant as SQL that any schema can be made of."""
    command = [server.program("pg_dump"), "--inserts", "--rows-per-insert=1000", "--no-comments"]
    command += [f"--schema={FIRST}", server.conninfo(database)]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Lines with a backslash are for psql alone.
    return "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))


def _replay(server: Server, database: str, dump: str, names: Sequence[str], say: Say) -> None:
    """Make one schema of each name, each in one transaction, over several connections."""
    waiting = iter(names)
    made = 0

    def work() -> None:
        nonlocal made
        connection = _fast_connection(server, database)
        for count, name in enumerate(waiting, 1):
            # What a backend remembers of the relations that it made is never forgotten.
            if count % 200 == 0:
                connection.close()
                connection = _fast_connection(server, database)
            connection.execute(dump.replace(FIRST, name).encode())
            made += 1
            if made % 100 == 0:
                say(f"{made} of {len(names)} tenants replayed")
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for worker in [pool.submit(work) for _ in range(CONNECTIONS)]:
            worker.result()


def _fast_connection(server: Server, database: str) -> psycopg.Connection[object]:
    return server.connect(database, options="-c synchronous_commit=off")


def _look_at(server: Server, database: str, tenants: int) -> Fleet:
    statement = sql.SQL(SHAPE).format(ledger=sql.Identifier(FIRST, "django_migrations"))
    with server.connect(database) as connection:
        row = connection.execute(statement, {"schema": FIRST}).fetchone()
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row
    assert size
    return Fleet(database, tenants, row[0], row[1], size[0] // 2**20)
