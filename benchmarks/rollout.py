"""Nothing, two migrations, and these with a few rows written by code, on every tenant of a fleet.

Before each run the fleet is taken back to where it was, with SQL, and the catalogs are vacuumed.
"""

import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import facts, fleet
from benchmarks.contenders import MIGRATE, PEERS, PYTHON, SMART, VERIFY
from benchmarks.fleet import Fleet, Kind
from benchmarks.measuring import CommandFailed, Run, Sample, run
from benchmarks.rollout_page import bars, render
from benchmarks.server import BENCH_DIR, CHECKOUT, Server
from tenant_migrations.vocabulary import Wave

__all__ = ["measure", "render", "targets_met"]

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
COUNT = "SELECT count(*) FROM {} WHERE app = 'finance' AND name ~ '_bench_'"
AT_ONCE = 500
"""Schemas that one statement counts in."""
FORGET_STEPS = (
    "DELETE FROM tenant_migrations_referencestep WHERE app = 'finance' AND name ~ '_bench_'"
)
TENANT_REFERENCE = "tenant_migrations_reference_tenant"
PUBLIC_REFERENCE = "tenant_migrations_reference_public"
# From the beginning of the first wave in threads to the end of its last tenant: what workers do.
WORK = """
    SELECT 1000 * extract(epoch FROM max(o.started_at + make_interval(secs => o.duration_seconds))
                                   - min((w ->> 'began_at')::timestamptz)) / count(*)
      FROM tenant_migrations_rollout r
CROSS JOIN jsonb_array_elements(r.waves) w
CROSS JOIN jsonb_array_elements_text(w -> 'schemas') s
      JOIN tenant_migrations_tenantoutcome o ON o.rollout_id = r.id AND o.schema_name = s
     WHERE r.id = (SELECT max(id) FROM tenant_migrations_rollout)
       AND w ->> 'wave' = ANY(%s)
"""
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


PEER_WAYS = (
    Way(
        "smart",
        "peer",
        "django-tenants-smart-executor",
        MIGRATE,
        {
            "BENCH_EXECUTOR": "django_tenants_smart_executor.load_executor",
            "PYTHONPATH": SMART["PYTHONPATH"],
        },
        rounds=1,
    ),
    Way(
        "multiprocessing",
        "peer",
        "django-tenants migrate_schemas, multiprocessing",
        (*MIGRATE, "--executor=multiprocessing"),
        rounds=1,
    ),
    Way("standard", "peer", "django-tenants migrate_schemas, standard", MIGRATE, rounds=1),
)


LATER_SETTINGS = {
    fleet.PLATFORM: "benchmarks.later_settings",
    fleet.SMALL: fleet.SMALL.settings,
}


def measure(
    server: Server,
    sizes: Sequence[int],
    rounds: int,
    peers: Sequence[str],
    say: Say,
    kind: Kind = fleet.PLATFORM,
) -> Result:
    """All figures of one run, beside the peers of these names.

    Raises ``CommandFailed`` where a contender does not do its work.
    """
    fleets = []
    for tenants in sorted(sizes):
        made = fleet.ensure(server, tenants, say, kind)
        say(f"{made.tenants} tenants, {made.relations} relations each, {made.megabytes} MB")
        others = [way for way in PEER_WAYS if way.id in peers and tenants <= MOST_WITH_PEERS]
        settings = LATER_SETTINGS[kind]
        codes = {
            code: _Bench(server, made, settings, code, say).run(rounds, others) for code in CODES
        }
        fleets.append({"fleet": asdict(made), "codes": codes})
    return {
        "benchmark": "rollout",
        "rounds": rounds,
        "facts": facts.gather(server, PEERS),
        "fleets": fleets,
        "bars": list(bars(fleets)),
    }


def targets_met(result: Result) -> bool:
    """Whether no bar was missed of those that this run could tell."""
    return all(bar["met"] for bar in result["bars"])


class _Bench:
    """One later code on one fleet."""

    def __init__(self, server: Server, made: Fleet, settings: str, code: str, say: Say) -> None:
        self.server, self.fleet, self.settings = server, made, settings
        self.code, self.say = code, say
        self.schemas = [fleet.name_of(number) for number in range(1, made.tenants + 1)]

    def run(self, rounds: int, others: Sequence[Way]) -> list[Result]:
        self._take_back(references=True)
        entrants = ways(self._write_statements() if self.code == "schema" else None)
        entrants += others
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
        return replace(done, work_ms=self._work_ms(way, done))

    def _work_ms(self, way: Way, done: Run) -> float | None:
        """What a tenant took of the workers' time, where there is a limit to compare it with."""
        if way.group == "limit":
            return 1000 * float(done.last_line) / len(self.schemas)
        if way.group != "ours" or self.code != "schema":
            return None
        with self.server.connect(self.fleet.database) as connection:
            waves = [Wave.SMALLEST.value, Wave.REST.value]
            ((taken,),) = connection.execute(WORK, (waves,)).fetchall()
        return None if taken is None else float(taken)

    def _environment(self) -> dict[str, str]:
        return self.server.environment(self.fleet.database) | {
            "DJANGO_SETTINGS_MODULE": self.settings,
            "BENCH_LATER": self.code,
        }

    def _check(self, way: Way) -> None:
        """Raise ``CommandFailed`` unless every tenant records and has what it should."""
        found: set[int] = set()
        with self.server.connect(self.fleet.database) as connection:
            for start in range(0, len(self.schemas), AT_ONCE):
                counted = sql.SQL(" UNION ALL ").join(
                    sql.SQL(COUNT).format(sql.Identifier(schema, "django_migrations"))
                    for schema in self.schemas[start : start + AT_ONCE]
                )
                found.update(count for (count,) in connection.execute(counted))
        if found != {CODES[self.code]}:
            raise CommandFailed(f"{way.title} left tenants with {sorted(found)} of the migrations")

    def _write_statements(self) -> Path:
        """The file that ``replay.py`` reads."""
        path = BENCH_DIR / f"replay_{self.fleet.database}.json"
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
    work = {way.id: sample.work_ms for way, sample in samples.items()}
    rows = []
    for way, sample in samples.items():
        row: Result = {"id": way.id, "group": way.group, "title": way.title} | sample.as_json()
        row["milliseconds_per_tenant"] = round(1000 * sample.median / tenants, 2)
        if way.limit in median:
            row["times_the_limit"] = round(sample.median / median[way.limit], 2)
            if sample.work_ms and (limit := work[way.limit]):
                row["work_times_the_limit"] = round(sample.work_ms / limit, 2)
        if way.group == "peer":
            row["times_ours"] = {
                one: round(sample.median / median[one], 1) for one in ("drop-in", "fix")
            }
        rows.append(row)
    return rows
