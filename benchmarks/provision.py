"""A new tenant: the app, django-tenants' ``save()``, and the limit, in turns."""

import json
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import contenders, facts, fleet, tables
from benchmarks.contenders import PYTHON
from benchmarks.fleet import FIRST, Fleet
from benchmarks.measuring import CommandFailed
from benchmarks.server import BENCH_DIR, CHECKOUT, Server

Say = Callable[[str], None]
Result = dict[str, Any]

TIMES_SAVE = 25
TIMES_LIMIT = 1.5
PREFIX = "made_"


@dataclass(frozen=True)
class Way:
    """One way to make a tenant."""

    id: str
    title: str
    tenants: int
    """How many it makes in each round."""


WAYS = (
    Way("reference", "the app: row, schema and script in one transaction", 6),
    Way("psql", "limit: `psql` replaying `pg_dump` of a tenant", 6),
    Way("driver", "the same dump sent by psycopg at once", 6),
    Way("save", "django-tenants: `Tenant(...).save()`", 2),
)


def measure(server: Server, tenants: int, rounds: int, say: Say) -> Result:
    """All figures of one run. Raises ``CommandFailed`` where a way does not do its work."""
    made = fleet.ensure(server, tenants, say)
    say(f"{made.tenants} tenants, {made.relations} relations each")
    _remove(server, made)
    dump = _write_dumps(server, made)
    _make(server, made, Way("reference", "", 1), dump)
    with server.connect(made.database) as connection:
        connection.execute("VACUUM (ANALYZE)")
    seconds: dict[str, list[list[float]]] = {way.id: [] for way in WAYS}
    for number in range(1, rounds + 1):
        for way in WAYS:
            one = _make(server, made, way, dump)
            seconds[way.id].append(one)
            say(f"round {number} of {rounds}: {way.id}: {1000 * statistics.median(one):.0f} ms")
    return {
        "benchmark": "provision",
        "rounds": rounds,
        "facts": facts.gather(server, contenders.PEERS),
        "fleet": asdict(made),
        "ways": [_row(way, seconds[way.id]) for way in WAYS],
    } | _ratios(seconds)


def targets_met(result: Result) -> bool:
    return bool(result["times_save"] >= TIMES_SAVE and result["times_the_limit"] <= TIMES_LIMIT)


def render(result: Result) -> str:
    """The result as Markdown."""
    one = result["fleet"]
    head = ("", "tenants", "median ms", "min to max ms", "first of a process ms")
    save, limit = result["times_save"], result["times_the_limit"]
    met = "met" if targets_met(result) else "missed"
    return tables.page(
        [
            tables.heading("A new tenant", result["facts"]),
            f"Each tenant has {one['relations']} relations and {one['migrations']} recorded"
            f" migrations; {one['tenants']} others are there. Ways in turns over"
            f" {result['rounds']} rounds, a process for each way and round; what a process does"
            " once, with its first tenant, is a column of its own. Medians of all tenants but"
            " those.",
            tables.table(head, [_cells(row) for row in result["ways"]]),
            f"Round by round, `save()` takes {save:.1f} times as long as the app (target:"
            f" {TIMES_SAVE}), the app {limit:.2f} times as long as the limit (target: at most"
            f" {TIMES_LIMIT}): {met}. These are medians of the rounds' ratios.",
        ]
    )


def _write_dumps(server: Server, made: Fleet) -> Path:
    """The first tenant as SQL, with what ``making.py`` has to know in the first line."""
    conninfo = server.conninfo(made.database)
    path = BENCH_DIR / "provision.sql"
    note = f"-- {server.program('psql')}\t{conninfo}\n"
    command = [server.program("pg_dump"), f"--schema={FIRST}", conninfo]
    copies = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    path.write_text(note + copies)
    command += ["--inserts", "--rows-per-insert=1000"]
    inserts = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in inserts.splitlines() if not line.startswith("\\")]
    path.with_suffix(".inserts.sql").write_text(note + "\n".join(lines))
    return path


def _make(server: Server, made: Fleet, way: Way, dump: Path) -> list[float]:
    """Make tenants in one way and remove them; seconds of each."""
    names = [f"{PREFIX}{number}" for number in range(way.tenants)]
    environment = server.environment(made.database)
    environment["DJANGO_SETTINGS_MODULE"] = "zumodra.settings"
    done = subprocess.run(
        [PYTHON, "-m", "benchmarks.making", way.id, str(dump), *names],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CommandFailed(f"{way.id} exited with {done.returncode}: {last}")
    _check_all(server, made, names)
    _remove(server, made)
    return [float(second) for second in json.loads(done.stdout)]


def _check_all(server: Server, made: Fleet, names: Sequence[str]) -> None:
    """See that each has as many relations as the others."""
    with server.connect(made.database) as connection:
        for name in names:
            row = connection.execute(
                "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
                " AND relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I')",
                (name,),
            ).fetchone()
            if row != (made.relations,):
                raise CommandFailed(f"{name} has {row and row[0]} relations, not {made.relations}")


def _remove(server: Server, made: Fleet) -> None:
    """Remove what was made, in a run that was interrupted too."""
    with server.connect(made.database) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", (PREFIX,)
        ).fetchall()
        for (name,) in found:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
        connection.execute(
            "DELETE FROM tenants_tenant WHERE starts_with(schema_name, %s)", (PREFIX,)
        )


def _warm(rounds: Sequence[Sequence[float]]) -> Iterator[float]:
    """All but the first of each process."""
    for one in rounds:
        yield from one[1:]


def _row(way: Way, rounds: Sequence[Sequence[float]]) -> Result:
    warm = [1000 * second for second in _warm(rounds)]
    return {
        "id": way.id,
        "title": way.title,
        "tenants": len(warm),
        "median_ms": round(statistics.median(warm), 1),
        "min_ms": round(min(warm), 1),
        "max_ms": round(max(warm), 1),
        "first_ms": round(statistics.median(1000 * one[0] for one in rounds), 1),
        "all_ms": [[round(1000 * second, 1) for second in one] for one in rounds],
    }


def _ratios(seconds: dict[str, list[list[float]]]) -> Result:
    """Medians of the rounds' ratios, as what else the machine does changes from round to round."""
    medians = {
        way: [statistics.median(one[1:]) for one in rounds] for way, rounds in seconds.items()
    }
    pairs = list(zip(medians["save"], medians["reference"], medians["psql"], strict=True))
    return {
        "times_save": round(statistics.median(save / ours for save, ours, _ in pairs), 1),
        "times_the_limit": round(statistics.median(ours / limit for _, ours, limit in pairs), 2),
    }


def _cells(row: Result) -> tuple[str, ...]:
    return (
        row["title"],
        str(row["tenants"]),
        f"{row['median_ms']:.0f}",
        f"{row['min_ms']:.0f} to {row['max_ms']:.0f}",
        f"{row['first_ms']:.0f}",
    )
