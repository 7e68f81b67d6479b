"""A rollout with Python work in every tenant: one process alone, and 1, 2 and 4 workers."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import facts, fleet, tables
from benchmarks.contenders import PEERS, VERIFY
from benchmarks.fleet import Fleet, name_of
from benchmarks.measuring import CommandFailed, Run, Sample, run
from benchmarks.server import CHECKOUT, Server

KINDS = {"waits": "waits 1 s", "computes": "computes", "writes": "writes 1,000 rows"}
"""Packages of ``benchmarks.later``, and what their ``RunPython`` does in each tenant."""
WORKERS = (0, 1, 2, 4)
MIGRATION = "0026_bench_work"
ROWS = {"writes": 1000}
READY_SECONDS = 60
"""How long workers may take to start."""

UNDO = """
    DELETE FROM {schema}.finance_plan WHERE code LIKE 'bench-%';
    DELETE FROM {schema}.django_migrations WHERE app = 'finance' AND name = {migration};
"""
DONE = """
    SELECT (SELECT count(*) FROM {schema}.django_migrations
             WHERE app = 'finance' AND name = {migration}),
           (SELECT count(*) FROM {schema}.finance_plan
             WHERE code LIKE 'bench-%' AND name <> 'Bench')
"""
TOOK = b"] worker_took"
"""In the log of workers, once for each tenant that one began with."""

Say = Callable[[str], None]
Result = dict[str, Any]


def measure(server: Server, tenants: int, rounds: int, say: Say) -> Result:
    """All figures of one run, as they are written to JSON.

    Raises ``CommandFailed`` where a rollout does not do its work, or workers have no part in it.
    """
    made = fleet.ensure(server, tenants, say)
    with _broker() as url:
        kinds = {kind: _Bench(server, made, kind, url, say).run(rounds) for kind in KINDS}
    return {
        "benchmark": "workers",
        "rounds": rounds,
        "facts": facts.gather(server, PEERS),
        "fleet": asdict(made),
        "kinds": kinds,
    }


class _Bench:
    """One kind of work on one fleet."""

    def __init__(self, server: Server, made: Fleet, kind: str, url: str, say: Say) -> None:
        self.server, self.kind, self.say = server, kind, say
        self.database = made.database
        self.schemas = [name_of(number) for number in range(1, made.tenants + 1)]
        self.environment = server.environment(made.database) | {
            "CELERY_BROKER_URL": url,
            "DJANGO_SETTINGS_MODULE": "benchmarks.later_settings",
            "BENCH_LATER": kind,
        }

    def run(self, rounds: int) -> Result:
        """The times by the number of workers."""
        # The reference passes the migration once, not in every round.
        self._one(0)
        runs: dict[int, list[Run]] = {workers: [] for workers in WORKERS}
        for number in range(1, rounds + 1):
            for workers, some in runs.items():
                some.append(self._one(workers))
                self.say(
                    f"{self.kind}, round {number} of {rounds}: {_title(workers)}:"
                    f" {some[-1].seconds:.1f} s (load {some[-1].load:.1f})"
                )
        self._take_back()
        return {_title(workers): Sample(tuple(some)).as_json() for workers, some in runs.items()}

    def _one(self, workers: int) -> Run:
        self._take_back()
        heal = (*VERIFY, "--fix", "--no-input")
        if not workers:
            measured = run(heal, self.environment, self.server)
        else:
            with _workers(workers, self.environment) as log:
                measured = run((*heal, "--executor=celery"), self.environment, self.server)
                took = log.read_bytes().count(TOOK)
            if took < len(self.schemas) - 1:  # The first of a kind is not handed out.
                raise CommandFailed(f"workers did {took} of {len(self.schemas)} tenants")
        self._check()
        return measured

    def _check(self) -> None:
        """Raise ``CommandFailed`` unless the work was done in every tenant, once."""
        expected = (1, ROWS.get(self.kind, 0))
        with self.server.connect(self.database) as connection:
            for schema in self.schemas:
                found = connection.execute(_filled(DONE, schema)).fetchone()
                if found != expected:
                    raise CommandFailed(f"{schema} has {found} ledger and other rows")

    def _take_back(self) -> None:
        """Rows and ledger rows of the migration away."""
        with self.server.connect(self.database) as connection:
            for schema in self.schemas:
                connection.execute(_filled(UNDO, schema))
            plans = [sql.Identifier(schema, "finance_plan") for schema in self.schemas]
            connection.execute(sql.SQL("VACUUM {}").format(sql.SQL(", ").join(plans)))
            connection.execute("CHECKPOINT")


def _filled(statement: str, schema: str) -> sql.Composed:
    return sql.SQL(statement).format(
        schema=sql.Identifier(schema), migration=sql.Literal(MIGRATION)
    )


def _title(workers: int) -> str:
    return f"{workers} worker{'s' * (workers != 1)}" if workers else "no workers"


@contextmanager
def _broker() -> Iterator[str]:
    program = shutil.which("redis-server")
    if not program:
        raise CommandFailed("redis-server is not installed: apt-get install redis-server")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    options = ["--port", port, "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, cwd="/")
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


@contextmanager
def _workers(number: int, environment: Mapping[str, str]) -> Iterator[Path]:
    """So many worker processes, ready before anything is measured; the file of their log."""
    command = [sys.executable, "-m", "celery", "--app", "zumodra", "worker"]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [*command, f"--concurrency={number}", "--loglevel=INFO"],
            cwd=CHECKOUT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + READY_SECONDS
            while b" ready." not in Path(log.name).read_bytes():
                if process.poll() is not None or time.monotonic() > until:
                    raise CommandFailed(f"no workers: {Path(log.name).read_text()[-300:]}")
                time.sleep(0.1)
            yield Path(log.name)
        finally:
            process.terminate()
            process.wait()


def render(result: Result) -> str:
    """The result as Markdown."""
    kinds = result["kinds"]
    alone, one, *_ = map(_title, WORKERS)
    rows = []
    for title in map(_title, WORKERS):
        row = [title]
        for kind in KINDS:
            seconds = kinds[kind][title]["median_seconds"]
            times = f"{kinds[kind][one]['median_seconds'] / seconds:.1f}" if title != alone else ""
            row += [f"{seconds:.1f}", times]
        rows.append(row)
    head = ["", *(cell for kind in KINDS.values() for cell in (f"{kind}, s", "x 1 worker"))]
    loads = [some["median_load"] for kind in kinds.values() for some in kind.values()]
    return tables.page(
        [
            tables.heading("A rollout with Python work, by workers", result["facts"]),
            tables.fleet_line(result["fleet"]),
            f"Whole processes from start to exit, median of {result['rounds']} in turns; workers"
            " were there before. What `RunPython` does in each tenant stands above its column."
            " Without workers, Python runs in one tenant at a time.",
            tables.table(head, rows),
            f"Load average meanwhile: {min(loads):.1f} to {max(loads):.1f}.",
        ]
    )
