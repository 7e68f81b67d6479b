"""What is measured: the app, its peers, and the limit that the database sets."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import CommandFailed
from benchmarks.server import BENCH_DIR, CHECKOUT, Server

PEERS = BENCH_DIR / "peers"
PYTHON = sys.executable
VERIFY = (PYTHON, "manage.py", "verify_tenant_migrations")
MIGRATE = (PYTHON, "manage.py", "migrate_schemas", "--verbosity=0")
SMART = {
    "DJANGO_SETTINGS_MODULE": "benchmarks.peer_settings",
    "PYTHONPATH": str(PEERS),
}


@dataclass(frozen=True)
class Contender:
    """One way to learn whether every tenant is at the code."""

    id: str
    group: str
    """``ours``, ``peer`` or ``limit``."""
    title: str
    command: Sequence[str]
    extra: Mapping[str, str] = field(default_factory=dict)
    rounds: int | None = None
    """At most so many rounds, for what takes minutes; ``None``: all."""
    target: float | None = None
    """Seconds that the median has to stay below with 500 tenants."""
    limit: str = ""
    """Id of the contender that does the same reads with nothing around them."""

    def environment(self, server: Server, database: str) -> dict[str, str]:
        return server.environment(database) | dict(self.extra)


def ours() -> list[Contender]:
    """The app, without structures (what the peers look at) and with them."""
    return [
        Contender(
            "ours-ledger",
            "ours",
            "verify_tenant_migrations --no-structure",
            (*VERIFY, "--no-structure"),
            target=1.5,
            limit="limit-ledger",
        ),
        Contender(
            "ours-structure",
            "ours",
            "verify_tenant_migrations",
            VERIFY,
            target=4.0,
            limit="limit-structure",
        ),
    ]


def limits(reads: Path) -> list[Contender]:
    """The statements in the file ``reads`` and nothing else, in one process with psycopg."""
    script = str(CHECKOUT / "benchmarks" / "limit.py")
    return [
        Contender(
            "limit-ledger",
            "limit",
            "bare SQL: the same reads of ledgers",
            (PYTHON, script, str(reads), "ledgers"),
        ),
        Contender(
            "limit-structure",
            "limit",
            "bare SQL: the same reads of ledgers and structures",
            (PYTHON, script, str(reads), "ledgers", "structures"),
        ),
    ]


def peers() -> list[Contender]:
    """``migrate_schemas`` with nothing to do, the only question that they can answer."""
    multiprocessing = "--executor=multiprocessing"
    return [
        Contender(
            "smart-standard",
            "peer",
            "django-tenants-smart-executor, standard",
            MIGRATE,
            extra=SMART,
            rounds=2,
        ),
        Contender(
            "smart-multiprocessing",
            "peer",
            "django-tenants-smart-executor, multiprocessing",
            (*MIGRATE, multiprocessing),
            extra=SMART,
            rounds=2,
        ),
        Contender(
            "django-multiprocessing",
            "peer",
            "django-tenants migrate_schemas, multiprocessing",
            (*MIGRATE, multiprocessing),
            rounds=1,
        ),
        Contender(
            "django-standard",
            "peer",
            "django-tenants migrate_schemas, standard",
            (*MIGRATE, "--executor=standard"),
            rounds=1,
        ),
    ]


def check_answer(document: str, tenants: int) -> None:
    """Raise ``CommandFailed`` unless the app said that exactly so many tenants are well."""
    answer = json.loads(document)
    if (answer["tenants_ok"], answer["total_tenants"]) != (tenants, tenants):
        raise CommandFailed(
            f"of {tenants} healthy tenants the app found {answer['tenants_ok']} healthy"
        )
