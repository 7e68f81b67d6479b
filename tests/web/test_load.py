"""200 visitors at once, while a rollout is at work on 200 tenants.

A small project is served by gunicorn and rolled out by ``manage.py``, each in processes of their
own. Its tenants are small, copies made by SQL, and lack one migration whose column their page
reads; others lack nothing. The visitors come in waves, each of 200 requests that are all under way
together. The rollout can't end before the first wave has been: the ledger of one tenant is locked
until then.

The time of a request is counted from when one of the server's 32 threads takes it up. To wait for
a free thread before is a matter of the server's size, and no doing of the rollout.
"""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier

import pytest

from tenant_migrations.conf import Settings
from tests.support.fleets import CHECKOUT
from tests.support.servers import Database, Server
from tests.torture.fleet import renamed
from tests.torture.waiting import until

BEHIND = [f"behind{number:03d}" for number in range(200)]
UNTOUCHED = [f"well{number:03d}" for number in range(100)]
HELD = BEHIND[-1]
"""The tenant that the rollout has to wait for."""
VISITORS = 200
ENOUGH = 10
"""So many tenants are at the code before the first wave."""
MORE_WAVES = 3
LIMIT_SECONDS = Settings.LOCK_TIMEOUT_MS / 1000


@dataclass(frozen=True)
class Answer:
    """What a visitor got, and how many seconds the server was at it."""

    tenant: str
    code: int
    text: str
    seconds: float


class Crowd:
    """The project on its database, and its visitors."""

    def __init__(self, database: Database) -> None:
        self.database = database
        path = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "src")])
        settings = "tests.web.crowd.settings"
        self.environment = os.environ | {
            "DATABASE_URL": database.url,
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONPATH": path,
        }
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=VISITORS)
        self.port = self.listener.getsockname()[1]

    def start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """A module of Python, in a process of its own, which has the listening socket too."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[self.listener.fileno()],
        )

    def manage(self, *arguments: str) -> None:
        """A management command, which must succeed."""
        assert self.start("django", *arguments).wait(120) == 0, arguments

    def add_tenants(self) -> None:
        """Some at the code, and some that lack its last migration."""
        with self.database.connect() as raw:
            for name in (BEHIND[0], UNTOUCHED[0]):
                raw.execute(f"CREATE SCHEMA {name}")
            raw.execute(
                "INSERT INTO customers_tenant (schema_name, name) SELECT unnest(%s::text[]), ''",
                ([*BEHIND, *UNTOUCHED],),
            )
            raw.execute(
                "INSERT INTO customers_domain (domain, is_primary, tenant_id)"
                " SELECT schema_name || '.localhost', true, id FROM customers_tenant"
            )
            parcel = "INSERT INTO {}.parcels_parcel (address{}) VALUES ('High Street 1'{})"
            self.manage("migrate_schemas", f"--schema={UNTOUCHED[0]}", "-v0")
            raw.execute(parcel.format(UNTOUCHED[0], ", grams", ", 7"))
            self.manage("migrate_schemas", "parcels", "0001", f"--schema={BEHIND[0]}", "-v0")
            raw.execute(parcel.format(BEHIND[0], "", ""))
            for first, *others in (BEHIND, UNTOUCHED):
                script = self.database.pg_dump("--inserts", "--schema", first)
                for name in others:
                    raw.execute(renamed(script, first, name).encode(), prepare=False)

    def fixed(self) -> list[str]:
        """Tenants that the rollout has brought to the code."""
        with self.database.connect() as raw:
            rows = raw.execute(
                "SELECT schema_name FROM tenant_migrations_tenantoutcome WHERE state = 'fixed'"
            )
            return [name for (name,) in rows]

    @contextmanager
    def held(self, tenant: str) -> Iterator[None]:
        """Nobody migrates a tenant meanwhile; its pages and its ledger are read as ever."""
        with self.database.connect(autocommit=False) as raw:
            raw.execute(f"LOCK TABLE {tenant}.django_migrations IN ROW EXCLUSIVE MODE")
            yield
            raw.rollback()

    def visit(self, tenant: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/", headers={"Host": f"{tenant}.localhost"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return Answer(tenant, answer.status, text, float(answer.headers["X-Seconds"]))

    def wave(self, pool: ThreadPoolExecutor, tenants: Sequence[str]) -> list[Answer]:
        """One request to each of the tenants, all of them at once."""
        together = Barrier(len(tenants))

        def visit(tenant: str) -> Answer:
            together.wait(60)
            return self.visit(tenant)

        return list(pool.map(visit, tenants))

    def answers(self) -> bool:
        """Whether it is served."""
        try:
            return self.visit(UNTOUCHED[0]).code == 200
        except OSError:
            return False


@pytest.fixture
def crowd(server: Server) -> Iterator[Crowd]:
    """The project, served."""
    database = server.database(f"crowd_{os.getpid()}").create()
    made = Crowd(database)
    made.manage("migrate_schemas", "--shared", "-v0")
    made.add_tenants()
    served = made.start(
        "gunicorn",
        *("--worker-class=gthread", "--workers=2", "--threads=16", "--log-level=error"),
        *(f"--bind=fd://{made.listener.fileno()}", "django.core.wsgi:get_wsgi_application()"),
    )
    try:
        until(made.answers, "the project is served")
        yield made
    finally:
        served.terminate()
        served.wait(30)
        made.listener.close()
        database.drop()


def test_nobody_meets_500_and_untouched_tenants_do_not_wait(crowd: Crowd) -> None:
    answers: list[Answer] = []
    with ThreadPoolExecutor(VISITORS) as pool:
        with crowd.held(HELD):
            rollout = crowd.start(
                *("django", "verify_tenant_migrations", "--fix", "--no-input"),
                *("--jobs=2", "--lock-timeout=60000"),
            )
            until(lambda: len(crowd.fixed()) >= ENOUGH, "the rollout is at work")
            done = crowd.fixed()
            others = [name for name in BEHIND if name not in (HELD, *done)]
            everybody = [*UNTOUCHED, HELD, *done[:ENOUGH], *others, *done[ENOUGH:]][:VISITORS]
            first = crowd.wave(pool, everybody)
            assert rollout.poll() is None
        for _ in range(MORE_WAVES):
            answers += crowd.wave(pool, everybody)
        assert rollout.wait(120) == 0
        after = crowd.wave(pool, BEHIND)
    assert sorted(crowd.fixed()) == BEHIND
    codes = {answer.tenant: answer.code for answer in first}
    assert codes[HELD] == 503
    assert {codes[name] for name in done[:ENOUGH]} == {200}
    answers += first
    assert {answer.code for answer in answers} == {200, 503}
    untouched = [answer for answer in answers if answer.tenant in UNTOUCHED]
    assert {(answer.code, answer.text) for answer in untouched} == {(200, "High Street 1 7 g")}
    assert max(answer.seconds for answer in untouched) < LIMIT_SECONDS
    assert {(answer.code, answer.text) for answer in after} == {(200, "High Street 1 0 g")}
