"""Backups and rollbacks beside plain ``pg_dump -Fc`` and ``pg_restore -n``, in turns."""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import facts, fleet, tables
from benchmarks.contenders import PEERS
from benchmarks.fleet import FIRST, Fleet
from benchmarks.measuring import CommandFailed
from benchmarks.server import BENCH_DIR, CHECKOUT, Server

TARGET = 1.3
"""How many times the time of pg_dump a backup may take, and of pg_restore a tenant's rollback, with
all checks but without the start of Python and Django."""

Say = Callable[[str], None]
Result = dict[str, Any]

START, DUMP, BACKUP, THEIRS, RESTORE, WHOLE, SAFE = (
    "backup_database --help: the start of Python and Django",
    "pg_dump -Fc",
    "backup_database",
    "DROP SCHEMA, CREATE SCHEMA, pg_restore -n",
    "the restore of rollback_migrations",
    "rollback_migrations, from start to exit",
    "the same with a safety backup",
)


def measure(server: Server, sizes: Sequence[int], rounds: int, say: Say) -> Result:
    """All figures of one run, as they are written to JSON. Raises ``CommandFailed``."""
    results = []
    for tenants in sizes:
        made = fleet.ensure(server, tenants, say)
        say(f"{made.tenants} tenants, {made.relations} relations each, {made.megabytes} MB")
        results.append({"fleet": asdict(made), **_on(server, made, rounds, say)})
    return {
        "benchmark": "backup",
        "rounds": rounds,
        "facts": facts.gather(server, PEERS),
        "fleets": results,
    }


def targets_met(result: Result) -> bool:
    """Whether backups and rollbacks took no longer than they may."""
    ratios = ("backup_ratio", "rollback_ratio")
    return all(one[ratio] <= TARGET for one in result["fleets"] for ratio in ratios)


def _on(server: Server, made: Fleet, rounds: int, say: Say) -> Result:
    folder = BENCH_DIR / f"backups_{made.tenants}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    plain, seconds = folder / "plain.dump", {title: list[float]() for title in _titles()}
    environment = server.environment(made.database)
    conninfo = server.conninfo(made.database)
    try:
        for number in range(1, rounds + 1):
            plain.unlink(missing_ok=True)
            start = _run(_manage("backup_database", "--help"), environment)
            seconds[START].append(start[0])
            dump = [server.program("pg_dump"), "-Fc", f"--file={plain}", conninfo]
            seconds[DUMP].append(_run(dump, environment)[0])
            took, answer = _run(_manage("backup_database", f"--dir={folder / 'ours'}"), environment)
            seconds[BACKUP].append(took)
            backup = answer.splitlines()[-1]
            room = _make_room(server, made)
            restore = [server.program("pg_restore"), f"--schema={FIRST}", "--exit-on-error"]
            took, _ = _run([*restore, f"--dbname={conninfo}", backup], environment)
            seconds[THEIRS].append(room + took)
            roll_back = _manage(
                "rollback_migrations", backup, f"--tenant={FIRST}", "--force", "--json"
            )
            took, answer = _run([*roll_back, "--no-safety-backup"], environment)
            seconds[WHOLE].append(took)
            seconds[RESTORE].append(json.loads(answer)["restore_seconds"])
            seconds[SAFE].append(_run(roll_back, environment)[0])
            say(f"round {number} of {rounds}: {_short(seconds)}")
        sizes = {DUMP: plain.stat().st_size, BACKUP: Path(backup).stat().st_size}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    medians = {title: statistics.median(values) for title, values in seconds.items()}
    return {
        "seconds": {title: [round(one, 3) for one in values] for title, values in seconds.items()},
        "bytes": sizes,
        "backup_ratio": round((medians[BACKUP] - medians[START]) / medians[DUMP], 2),
        "rollback_ratio": round((medians[WHOLE] - medians[START]) / medians[THEIRS], 2),
        "whole_backup_ratio": round(medians[BACKUP] / medians[DUMP], 2),
        "whole_rollback_ratio": round(medians[WHOLE] / medians[THEIRS], 2),
    }


def _titles() -> tuple[str, ...]:
    return START, DUMP, BACKUP, THEIRS, RESTORE, WHOLE, SAFE


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _run(command: Sequence[str], environment: dict[str, str]) -> tuple[float, str]:
    """Seconds from start to exit, and standard output."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CommandFailed(f"{' '.join(command[:3])} exited with {done.returncode}: {last}")
    return seconds, done.stdout


def _make_room(server: Server, made: Fleet) -> float:
    """``pg_restore -n`` neither drops what is there nor makes the schema; the seconds of both."""
    name = sql.Identifier(FIRST)
    with server.connect(made.database) as connection:
        started = time.perf_counter()
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        return time.perf_counter() - started


def _short(seconds: dict[str, list[float]]) -> str:
    return ", ".join(f"{title} {values[-1]:.2f} s" for title, values in seconds.items())


def render(result: Result) -> str:
    """The result as Markdown."""
    parts = [tables.heading("Backups, and one tenant restored", result["facts"])]
    parts.append(
        f"Whole processes in turns over {result['rounds']} rounds. `backup_database` also reads the"
        " archive back to its end, counts its rows, digests structures and proves that none"
        " changed."
        " `pg_restore -n` needs an empty schema in the place of the tenant's; `rollback_migrations`"
        " reads the archive's SHA-256, replaces the schema that is there in one transaction and"
        " compares rows and structure; both read the same archive of the whole fleet. Its restore"
        " is timed by itself too, without the plan."
    )
    for one in result["fleets"]:
        parts.append(tables.fleet_line(one["fleet"]))
        parts.append(_table(one))
        parts.append(
            f"`backup_database` takes {_judged(one['backup_ratio'])} times the time of pg_dump,"
            f" `rollback_migrations` {_judged(one['rollback_ratio'])} times that of pg_restore,"
            " without the start of Python and Django; with it,"
            f" {one['whole_backup_ratio']:.2f} and {one['whole_rollback_ratio']:.2f} times. Ratios"
            " of medians."
        )
    return tables.page(parts)


def _judged(ratio: float) -> str:
    return f"{ratio:.2f} (target: {TARGET:g}, {'met' if ratio <= TARGET else 'missed'})"


def _table(one: Result) -> str:
    rows = []
    for title, values in one["seconds"].items():
        size = one["bytes"].get(title)
        rows.append(
            (
                title,
                f"{statistics.median(values):.2f}",
                f"{min(values):.2f} to {max(values):.2f}",
                f"{size / 1e6:.1f}" if size else "",
            )
        )
    return tables.table(("", "median s", "min to max s", "MB"), rows)
