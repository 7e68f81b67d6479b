"""Our tasks beside tenant-schemas-celery's: under its app, with its headers, in its worker."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery

from tests.operations.test_monitor import samples, wait_for
from tests.support.fleets import Fleet
from tests.support.queues import Broker, worker

PROJECT = "tests.tenant_aware_project"


def test_its_tasks_and_ours_share_a_worker_each_in_its_schema(
    fleet: Fleet, broker: Broker, started: Callable[..., Any], tmp_path: Path
) -> None:
    notes, log = tmp_path / "notes", tmp_path / "log"
    notes.touch()
    env = fleet.environment(
        DJANGO_SETTINGS_MODULE=f"{PROJECT}.settings", QUEUE_BROKER_URL=broker.url, LOG_LEVEL="INFO"
    )
    client = Celery("client", broker=broker.url, set_as_current=False)

    def send(name: str, *arguments: str, schema: str | None = None) -> None:
        headers = {"_schema_name": schema} if schema else {}
        client.send_task(name, arguments, headers=headers)

    with worker(env, log, "--pool=solo", app=PROJECT):
        send("note", str(notes), schema="beta")
        send("tenant_migrations.command", "monitor", "--once", "--quiet", schema="alpha")
        send("note", str(notes), schema="gamma")
        send("tenant_migrations.command", "monitor", "--once", "--quiet", schema="dropped")
        send("note", str(notes))
        send("note_around", str(notes), schema="delta")
        wait_for(lambda: len(notes.read_text().splitlines()) == 5)
        schemas = ["beta", "gamma", "public", "delta", "delta"]
        assert notes.read_text().splitlines() == [f"{name} {name}" for name in schemas]
        assert samples(fleet) == [("monitor", True)] * 3

        for name in ("alpha", "beta", "gamma"):
            fleet.take_back(name, "finance", "0024")
        heal = ["verify_tenant_migrations", "--fix", "--no-input", "--executor=celery"]
        run = started(sys.executable, "manage.py", *heal, "--canary=alpha", env=env)
        out, err = run.communicate(timeout=60)
        assert (run.returncode, "3 fixed, 0 failed" in out) == (0, True), out + err
        done = r"Task tenant_migrations\.tenant\[\S+\] succeeded in \S+: 'done'"
        assert len(re.findall(done, log.read_text())) == 2
        send("note", str(notes), schema="alpha")
        wait_for(lambda: len(notes.read_text().splitlines()) == 6)
    assert notes.read_text().splitlines()[-1] == "alpha alpha"
