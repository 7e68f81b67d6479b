"""A rollout over Celery's workers: real Redis, real processes, and what kills them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tenant_migrations.fleet.graph import Code
from tenant_migrations.rollout.remote import serve
from tests.operations.test_monitor import wait_for
from tests.support.code import code_with
from tests.support.fleets import Fleet
from tests.support.queues import Broker, worker

MIGRATION = {"0099_noted": "AddField('invoice', 'noted', models.TextField(null=True))"}
Started = Callable[..., "subprocess.Popen[str]"]


class Hall:
    """Workers on a fleet, and the runs that use them."""

    def __init__(self, fleet: Fleet, broker: Broker, folder: Path, stack: ExitStack) -> None:
        self.fleet = fleet
        self.broker = broker
        self.folder = folder
        self.stack = stack
        self.env = {
            "CELERY_BROKER_URL": broker.url,
            "LOG_LEVEL": "INFO",
            "WORKER_WAIT_SECONDS": "5",
        }

    def start(self, name: str) -> Any:
        """A worker of one process with the code as it is now."""
        log = self.folder / f"{name}.log"
        env = self.fleet.environment(**self.env)
        return self.stack.enter_context(worker(env, log, "--pool=solo", f"--hostname={name}@%h"))

    def heal(self, started: Started) -> "subprocess.Popen[str]":
        """Start a run over the workers."""
        command = ["verify_tenant_migrations", "--fix", "--no-input", "--json", "--quiet"]
        return started(
            sys.executable,
            "manage.py",
            *command,
            "--executor=celery",
            "--canary=alpha",
            "--lock-timeout=60000",
            env=self.fleet.environment(**self.env),
        )

    def took(self, tenant: str) -> list[int]:
        """Process ids of the workers that took a tenant, by worker."""
        text = "".join(log.read_text() for log in sorted(self.folder.glob("*.log")))
        found = re.findall(rf"event=worker_took \S+ tenant={tenant} \S+ process=(\d+)", text)
        return [int(pid) for pid in found]


@pytest.fixture
def hall(fleet: Fleet, broker: Broker, tmp_path: Path) -> Iterator[Hall]:
    with ExitStack() as stack:
        yield Hall(fleet, broker, tmp_path, stack)


def test_two_workers_share_a_rollout_and_one_dies_with_a_tenant_in_hand(
    fleet: Fleet, hall: Hall, started: Started
) -> None:
    """And with it its backend, as where a machine dies: the other one takes the tenant; what is
    repeated finds nothing to do; the result is a local run's."""
    with code_with("finance", MIGRATION), fleet.connect(autocommit=False) as reader:
        first, second = hall.start("first"), hall.start("second")
        reader.execute("LOCK TABLE gamma.finance_invoice IN ACCESS SHARE MODE")
        run = hall.heal(started)
        wait_for(fleet.waiting_for_lock)
        (victim,) = hall.took("gamma")
        assert victim in (first.pid, second.pid)
        os.kill(victim, signal.SIGKILL)
        (backend,) = fleet.waiting_backends()
        fleet.sql("SELECT pg_terminate_backend(%s, 10000)", backend)
        reader.rollback()
        out, err = run.communicate(timeout=90)
        assert run.returncode == 0, out + err
        assert sorted(hall.took("gamma")) == sorted([first.pid, second.pid])
        states = fleet.rows(
            "SELECT schema_name, state, message, applied FROM tenant_migrations_tenantoutcome"
            " ORDER BY schema_name"
        )
        assert states == [
            (name, "fixed", "", ["finance.0099_noted"])
            for name in ("alpha", "beta", "delta", "gamma", "public")
        ]
        assert fleet.ledger("gamma").count(("finance", "0099_noted")) == 1
        assert fleet.verify().exit_code == 0
        message = {"rollout": 1, "holder": [1, "2020-01-01T00:00:00+00:00"], "code": ""}
        assert serve(message, "gamma") == "the run is over"


def test_what_the_server_had_from_a_worker_that_died_is_done_once(
    fleet: Fleet, hall: Hall, started: Started
) -> None:
    """All that is done to a tenant is one message."""
    with code_with("finance", MIGRATION), fleet.connect(autocommit=False) as reader:
        only = hall.start("only")
        reader.execute("LOCK TABLE gamma.finance_invoice IN ACCESS SHARE MODE")
        run = hall.heal(started)
        wait_for(fleet.waiting_for_lock)
        os.kill(only.pid, signal.SIGKILL)
        reader.rollback()
        hall.start("next")
        out, err = run.communicate(timeout=90)
        assert run.returncode == 0, out + err
        states = fleet.rows("SELECT DISTINCT state FROM tenant_migrations_tenantoutcome")
        assert states == [("fixed",)]
        assert fleet.ledger("gamma").count(("finance", "0099_noted")) == 1
        assert fleet.verify().exit_code == 0


def test_a_lost_broker_ends_the_run_and_nothing_is_half_done(
    fleet: Fleet, hall: Hall, started: Started
) -> None:
    """The tenant in hand is finished, what was in the broker's queue was never begun."""
    with code_with("finance", MIGRATION), fleet.connect(autocommit=False) as reader:
        hall.start("only")
        for name in ("beta", "gamma", "delta"):
            reader.execute(f"LOCK TABLE {name}.finance_invoice IN ACCESS SHARE MODE")
        run = hall.heal(started)
        wait_for(fleet.waiting_for_lock)
        hall.broker.stop()
        reader.rollback()
        out, err = run.communicate(timeout=90)
        assert run.returncode == 1, out + err
        states = fleet.rows("SELECT state FROM tenant_migrations_tenantoutcome ORDER BY state")
        assert states == [("fixed",)] * 3 + [("not attempted",)] * 2
        assert '"stopped": "no worker took a tenant' in out
        assert fleet.verify("--fix", "--no-input").exit_code == 0


def test_workers_with_other_code_decline_and_are_named(
    fleet: Fleet, hall: Hall, started: Started
) -> None:
    hall.start("old")
    with code_with("finance", MIGRATION):
        run = hall.heal(started)
        out, err = run.communicate(timeout=90)
        assert run.returncode == 1, out + err
        assert re.search(r'"stopped": "the worker \S+:\d+ has other code', out)
        assert [fleet.ledger(name)[-1] for name in ("beta", "gamma", "delta")].count(
            ("finance", "0099_noted")
        ) == 0
        assert Code().revision in out


def test_without_the_extra_it_is_wrong_use(fleet: Fleet) -> None:
    answer = fleet.verify("--executor=celery")
    assert (answer.exit_code, "--executor needs --fix" in answer.stderr) == (2, True)
