"""A rollout with Python work in every tenant: threads of one process, and 1, 2 and 4 workers."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks import facts, fleet, tables
from benchmarks.contenders import PEERS
from benchmarks.fleet import Fleet, name_of
from benchmarks.measuring import CommandFailed, Sample, run
from benchmarks.server import CHECKOUT, Server

WORKERS = (1, 2, 4)
WORK_SECONDS = 2.0
NAME = "0099_python"
KINDS = {
    "waits": f"time.sleep({WORK_SECONDS})",
    "computes": f"""until = time.process_time() + {WORK_SECONDS}
    while time.process_time() < until:
        pass""",
}
"""What the migration does in each tenant: wait, as for another service, or use the processor."""

MIGRATION = """
import time

from django.db import migrations


def work(apps, schema_editor):
    {work}


class Migration(migrations.Migration):
    dependencies = [("finance", {parent!r})]
    operations = [migrations.RunPython(work, migrations.RunPython.noop)]
"""

Say = Callable[[str], None]
Result = dict[str, Any]


def measure(server: Server, tenants: int, rounds: int, say: Say) -> Result:
    """All figures of one run, as they are written to JSON. Raises ``CommandFailed``."""
    made = fleet.ensure(server, tenants, say)
    results = {kind: _with(server, made, work, rounds, say) for kind, work in KINDS.items()}
    return {
        "benchmark": "workers",
        "rounds": rounds,
        "work_seconds": WORK_SECONDS,
        "facts": facts.gather(server, PEERS),
        "fleet": asdict(made),
        "kinds": results,
    }


def _with(server: Server, made: Fleet, work: str, rounds: int, say: Say) -> Result:
    """The times of one kind of work, by who does it."""
    runs: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as folder, _broker() as url:
        environment = {
            **server.environment(made.database),
            "CELERY_BROKER_URL": url,
            **_code(Path(folder), work),
        }
        heal = [sys.executable, "manage.py", "verify_tenant_migrations", "--fix", "--no-input"]
        for number in range(rounds + 1):  # The first moves the references, and is not counted.
            for workers in (0, *WORKERS):
                title = f"{workers} worker{'s' * (workers != 1)}" if workers else "no workers"
                _take_back(server, made)
                with _workers(workers, environment):
                    command = [*heal, "--executor=celery"] if workers else heal
                    measured = run(command, environment, server)
                if number:
                    runs.setdefault(title, []).append(measured)
                    say(f"round {number} of {rounds}: {title}: {measured.seconds:.1f} s")
    _take_back(server, made)
    return {title: Sample(tuple(some)).as_json() for title, some in runs.items()}


def _code(folder: Path, work: str) -> Mapping[str, str]:
    """The environment in which the finance app has one migration more."""
    package = folder / "finance_with_python"
    source = CHECKOUT / "zumodra" / "finance" / "migrations"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    parent = max(path.stem for path in package.glob("[0-9]*.py"))
    (package / f"{NAME}.py").write_text(MIGRATION.format(work=work, parent=parent))
    return {
        "DJANGO_SETTINGS_MODULE": "tests.support.settings",
        "TEST_MIGRATION_MODULES": json.dumps({"finance": package.name}),
        "PYTHONPATH": str(folder),
    }


def _take_back(server: Server, made: Fleet) -> None:
    """The migration leaves nothing but its ledger rows."""
    delete = sql.SQL("DELETE FROM {} WHERE app = 'finance' AND name = {}")
    with server.connect(made.database) as connection:
        for number in range(1, made.tenants + 1):
            table = sql.Identifier(name_of(number), "django_migrations")
            connection.execute(delete.format(table, sql.Literal(NAME)))


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
def _workers(number: int, environment: Mapping[str, str]) -> Iterator[None]:
    """So many worker processes, ready before anything is measured."""
    if not number:
        yield
        return
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
            while b" ready." not in Path(log.name).read_bytes():
                if process.poll() is not None:
                    raise CommandFailed(f"the worker ended: {Path(log.name).read_text()[-300:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


def render(result: Result) -> str:
    """The result as Markdown."""
    parts = [tables.heading("A rollout with Python work, by workers", result["facts"])]
    parts.append(tables.fleet_line(result["fleet"]))
    parts.append(
        f"Whole processes from start to exit, median of {result['rounds']} in turns."
        f" `RunPython` takes {result['work_seconds']:g} s in each tenant: once by waiting, once by"
        " using the processor. Without workers, Python runs in one tenant at a time."
    )
    titles: Sequence[str] = list(next(iter(result["kinds"].values())))
    rows = [
        [title]
        + [
            f"{kind[title]['median_seconds']:.1f} s"
            + f" ({kind[titles[0]]['median_seconds'] / kind[title]['median_seconds']:.1f} x)"
            for kind in result["kinds"].values()
        ]
        for title in titles
    ]
    loads = [kind[title]["median_load"] for kind in result["kinds"].values() for title in titles]
    parts.append(tables.table(["", *result["kinds"]], rows))
    parts.append(f"Load average meanwhile: {min(loads):.1f} to {max(loads):.1f}.")
    return "\n\n".join(parts) + "\n"
