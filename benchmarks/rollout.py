"""Nothing, two migrations, and these with a few rows written by code, on every tenant of a fleet.

Before each run the fleet is taken back to where it was, with SQL, and the catalogs are vacuumed.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import facts, fleet, tables
from benchmarks.contenders import MIGRATE, PEERS, PYTHON, SMART, VERIFY
from benchmarks.fleet import Fleet
from benchmarks.measuring import CommandFailed, Run, Sample, run
from benchmarks.server import BENCH_DIR, CHECKOUT, Server

NOTHING = ""
CODES = {NOTHING: 0, "schema": 2, "code": 3}
"""Packages of ``benchmarks.later`` and how many migrations they add."""

MOST_WITH_PEERS = 500
"""Tenants; on larger fleets the peers would take hours."""

UNDO = """
    ALTER TABLE {schema}.finance_payment DROP COLUMN IF EXISTS bench_note;
    ALTER TABLE {schema}.finance_invoice DROP COLUMN IF EXISTS bench_rank;
    DELETE FROM {schema}.finance_plan WHERE code LIKE 'bench-%';
"""
FORGET = "DELETE FROM {schema}.django_migrations WHERE app = 'finance' AND name ~ '_bench_'"
FORGET_STEPS = (
    "DELETE FROM tenant_migrations_referencestep WHERE app = 'finance' AND name ~ '_bench_'"
)
TENANT_REFERENCE = "tenant_migrations_reference_tenant"
PUBLIC_REFERENCE = "tenant_migrations_reference_public"
CATALOGS = "pg_attribute, pg_class, pg_index, pg_depend, pg_constraint, pg_type, pg_statistic"

Say = Callable[[str], None]
Result = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Way:
    """One way to bring the fleet to the later code."""

    id: str
    group: str
    title: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    limit: str = ""
    """Id of the bare replay over as many connections."""
    rounds: int | None = None
    """At most so many, for what takes minutes; ``None``: all."""


OURS = "tenant_migrations.contrib.django_tenants.get_executor"
FIX = (*VERIFY, "--fix", "--no-input")


def ways(replayed: Path | None) -> list[Way]:
    """The app, and the limit where there is one."""
    found = [
        Way(
            "drop-in",
            "ours",
            "migrate_schemas, our executor",
            MIGRATE,
            {"BENCH_EXECUTOR": OURS},
            "limit-2",
        ),
        Way(
            "fix-ledger",
            "ours",
            "verify_tenant_migrations --fix --no-structure",
            (*FIX, "--no-structure"),
            {},
            "limit-2",
        ),
        Way("fix", "ours", "verify_tenant_migrations --fix", FIX, {}, "limit-2"),
    ]
    if replayed:
        script = str(CHECKOUT / "benchmarks" / "replay.py")
        found += [
            Way(
                f"limit-{jobs}",
                "limit",
                f"the same statements replayed, connections: {jobs}",
                (PYTHON, script, str(replayed), str(jobs)),
            )
            for jobs in (1, 2)
        ]
    return found


def peers() -> list[Way]:
    smart = {
        "BENCH_EXECUTOR": "django_tenants_smart_executor.load_executor",
        "PYTHONPATH": SMART["PYTHONPATH"],
    }
    multiprocessing = (*MIGRATE, "--executor=multiprocessing")
    return [
        Way("smart", "peer", "django-tenants-smart-executor", MIGRATE, smart, rounds=1),
        Way(
            "multiprocessing",
            "peer",
            "django-tenants migrate_schemas, multiprocessing",
            multiprocessing,
            rounds=1,
        ),
        Way("standard", "peer", "django-tenants migrate_schemas, standard", MIGRATE, rounds=1),
    ]


def measure(server: Server, sizes: Sequence[int], rounds: int, quick: bool, say: Say) -> Result:
    """All figures of one run; with ``quick`` without the peers.

    Raises ``CommandFailed`` where a contender does not do its work.
    """
    fleets = []
    for tenants in sorted(sizes):
        made = fleet.ensure(server, tenants, say)
        say(f"{made.tenants} tenants, {made.relations} relations each, {made.megabytes} MB")
        with_peers = not quick and tenants <= MOST_WITH_PEERS
        codes = {
            code: _Bench(server, made, code, say).run(rounds, with_peers=with_peers)
            for code in CODES
        }
        fleets.append({"fleet": asdict(made), "codes": codes})
    return {
        "benchmark": "rollout",
        "rounds": rounds,
        "facts": facts.gather(server, PEERS),
        "fleets": fleets,
    }


def render(result: Result) -> str:
    """The result as Markdown."""
    titles = {
        NOTHING: "Nothing to do",
        "schema": "Two migrations: two columns and an index",
        "code": "The same, and three rows written by `RunPython`",
    }
    parts = [
        tables.heading("Bringing every tenant to new code", result["facts"]),
        "Whole processes, from start to exit, in turns; before each the fleet was taken back. *x"
        " limit* is against a bare replay of the same statements over as many connections."
        " *backend MB* is the most private memory that one of the server's backends had.",
    ]
    head = (
        "",
        "runs",
        "median s",
        "min to max s",
        "ms a tenant",
        "CPU s",
        "MB",
        "backend MB",
        "load",
        "x limit",
        "x drop-in",
        "x --fix",
    )
    for one in result["fleets"]:
        parts.append(tables.fleet_line(one["fleet"]))
        for code, rows in one["codes"].items():
            parts += [f"### {titles[code]}", tables.table(head, [_cells(row) for row in rows])]
    if len(result["fleets"]) > 1:
        parts += ["## Each further tenant", *_further(result["fleets"], titles)]
    return tables.page(parts)


class _Bench:
    """One later code on one fleet."""

    def __init__(self, server: Server, made: Fleet, code: str, say: Say) -> None:
        self.server, self.fleet, self.code, self.say = server, made, code, say
        self.schemas = [fleet.name_of(number) for number in range(1, made.tenants + 1)]

    def run(self, rounds: int, *, with_peers: bool) -> list[Result]:
        self._take_back(references=True)
        entrants = ways(self._write_statements() if self.code == "schema" else None)
        entrants += peers() if with_peers else []
        # The reference passes the later migrations once, not in every round.
        self._one(entrants[2])
        runs: dict[str, list[Run]] = {way.id: [] for way in entrants}
        for number in range(1, rounds + 1):
            for way in entrants:
                if way.rounds is None or number <= way.rounds:
                    runs[way.id].append(self._one(way))
                    one = runs[way.id][-1]
                    self.say(
                        f"{self.code or 'nothing'}, round {number} of {rounds}: {way.title}:"
                        f" {one.seconds:.2f} s (load {one.load:.1f})"
                    )
        self._take_back(references=True)
        samples = {way: Sample(tuple(runs[way.id])) for way in entrants}
        return _rows(samples, self.fleet.tenants)

    def _one(self, way: Way) -> Run:
        self._take_back()
        done = run(way.command, self._environment() | way.environment, self.server)
        self._check(way)
        return done

    def _environment(self) -> dict[str, str]:
        return self.server.environment(self.fleet.database) | {
            "DJANGO_SETTINGS_MODULE": "benchmarks.later_settings",
            "BENCH_LATER": self.code,
        }

    def _check(self, way: Way) -> None:
        """Raise ``CommandFailed`` unless every tenant records and has what it should."""
        counted = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT count(*) FROM {} WHERE app = 'finance' AND name ~ '_bench_'").format(
                sql.Identifier(schema, "django_migrations")
            )
            for schema in self.schemas
        )
        with self.server.connect(self.fleet.database) as connection:
            found = {count for (count,) in connection.execute(counted)}
        if found != {CODES[self.code]}:
            raise CommandFailed(f"{way.title} left tenants with {sorted(found)} of the migrations")

    def _write_statements(self) -> Path:
        """The file that ``replay.py`` reads."""
        path = BENCH_DIR / f"replay_{self.fleet.tenants}.json"
        command = (PYTHON, "-m", "benchmarks.statements", str(path))
        subprocess.run(command, cwd=CHECKOUT, env=self._environment(), check=True)
        given = {
            "statements": json.loads(path.read_text()),
            "conninfo": self.server.conninfo(self.fleet.database),
            "schemas": self.schemas,
        }
        path.write_text(json.dumps(given))
        return path

    def _take_back(self, *, references: bool = False) -> None:
        """Columns, rows and ledger rows of the later code away, if need be from references too."""
        schemas, shared = self.schemas, ["public"]
        with self.server.connect(self.fleet.database) as connection:
            there = "SELECT to_regnamespace(%s) IS NOT NULL"
            if references and connection.execute(there, (TENANT_REFERENCE,)).fetchone() == (True,):
                schemas, shared = [*schemas, TENANT_REFERENCE], [*shared, PUBLIC_REFERENCE]
                connection.execute(FORGET_STEPS)
            for schema in shared:
                connection.execute(sql.SQL(FORGET).format(schema=sql.Identifier(schema)))

        def work(schemas: list[str]) -> None:
            with self.server.connect(self.fleet.database) as connection:
                for schema in schemas:
                    name = sql.Identifier(schema)
                    connection.execute(sql.SQL(UNDO + FORGET).format(schema=name))

        halves = [schemas[::2], schemas[1::2]]
        with ThreadPoolExecutor(len(halves)) as pool:
            list(pool.map(work, halves))
        with self.server.connect(self.fleet.database) as connection:
            connection.execute(f"VACUUM {CATALOGS}")
            connection.execute("CHECKPOINT")


def _rows(samples: dict[Way, Sample], tenants: int) -> list[Result]:
    median = {way.id: sample.median for way, sample in samples.items()}
    rows = []
    for way, sample in samples.items():
        row: Result = {"id": way.id, "group": way.group, "title": way.title} | sample.as_json()
        row["milliseconds_per_tenant"] = round(1000 * sample.median / tenants, 2)
        if way.limit in median:
            row["times_the_limit"] = round(sample.median / median[way.limit], 2)
        if way.group == "peer":
            row["times_ours"] = {
                one: round(sample.median / median[one], 1) for one in ("drop-in", "fix")
            }
        rows.append(row)
    return rows


def _cells(row: Result) -> tuple[str, ...]:
    times = row.get("times_ours", {})
    return (
        row["title"],
        str(len(row["runs_seconds"])),
        f"{row['median_seconds']:.2f}",
        f"{row['min_seconds']:.2f} to {row['max_seconds']:.2f}",
        f"{row['milliseconds_per_tenant']:.2f}",
        f"{row['median_cpu_seconds']:.2f}",
        f"{row['peak_megabytes']:.0f}",
        f"{row['backend_megabytes']:.0f}",
        f"{row['median_load']:.1f}",
        tables.figure(row.get("times_the_limit")),
        *(f"{times[one]:.1f}" if times else "" for one in ("drop-in", "fix")),
    )


def _further(fleets: Sequence[Result], titles: dict[str, str]) -> Iterator[str]:
    """What a tenant more takes, from each size to the next."""
    sizes = [one["fleet"]["tenants"] for one in fleets]
    head = ("", *(f"{few:,} to {many:,}" for few, many in pairwise(sizes)), "x limit, last")
    yield "Milliseconds, from the medians of one size to those of the next."
    for code, title in titles.items():
        slopes = _slopes(fleets, code)
        limit = slopes.get("limit-2")
        rows = []
        for row in fleets[-1]["codes"][code]:
            taken = slopes.get(row["id"], [])
            times = f"{taken[-1] / limit[-1]:.2f}" if limit and taken else ""
            rows.append((row["title"], *(f"{one:.2f}" for one in taken), times))
        yield f"{title}:"
        yield tables.table(head, rows)


def _slopes(fleets: Sequence[Result], code: str) -> dict[str, list[float]]:
    """By contender that met all fleets."""
    medians = [{row["id"]: row["median_seconds"] for row in one["codes"][code]} for one in fleets]
    sizes = [one["fleet"]["tenants"] for one in fleets]
    return {
        id_: [
            1000 * (many[1][id_] - few[1][id_]) / (many[0] - few[0])
            for few, many in pairwise(zip(sizes, medians, strict=True))
        ]
        for id_ in set.intersection(*(set(one) for one in medians))
    }
