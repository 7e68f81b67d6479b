"""What is looked at before a run, and what is made of it."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg import sql

from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet.server import Catalog, Disk, Server
from tenant_migrations.rollout.preflight import judge
from tests.support import servers
from tests.support.fleets import Fleet

GOOD = Server(largest_schema="acme", locks_of_largest=900)
MB = 2**20


def found(server: Server, jobs: int = 2) -> list[tuple[str, str, str]]:
    return [(f.kind.value, f.message, f.hint) for f in judge(server, jobs).findings]


def test_a_server_with_room_is_passed_over_in_silence() -> None:
    assert judge(GOOD, 4).jobs == 4
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"standby": True}, "the server is a standby"),
        ({"read_only": True}, "the server is read-only for this role"),
        ({"free_connections": 3}, "3 connections to be had (max_connections is 100)"),
        ({"free_connections": -2}, "0 connections to be had"),
    ],
)
def test_what_no_run_survives_is_refused(change: dict[str, int], reason: str) -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        judge(replace(GOOD, **change), 2)
    assert reason in str(refused.value)
    assert refused.value.exit_code == 3


def test_TM311_fewer_jobs_where_there_are_fewer_connections() -> None:
    server = replace(GOOD, free_connections=5)
    assert judge(server, 4).jobs == 2
    ((kind, message, _),) = found(server, 4)
    assert (kind, message) == ("TM311", "only 5 connections are to be had: 2 of 4 jobs")


def test_TM312_a_lock_table_too_small_for_all_jobs() -> None:
    server = replace(GOOD, locks_per_transaction=10, locks_taken=100)
    assert judge(server, 1).findings == ()
    assert found(server) == [
        (
            "TM312",
            "the server's lock table has room for 900 more locks; 2 jobs on schemas as large as "
            "acme may take 1800",
            "fewer --jobs, or: ALTER SYSTEM SET max_locks_per_transaction = 64; "
            "then restart the server",
        )
    ]


@pytest.mark.parametrize(
    ("catalog", "stale"),
    [
        (Catalog("pg_class", pages_then=10, pages=900, analysed=False), False),
        (Catalog("pg_class", pages_then=10, pages=1_100, analysed=True), True),
        (Catalog("pg_class", pages_then=1_100, pages=1_100, analysed=False), True),
        (Catalog("pg_class", pages_then=600, pages=1_100, analysed=True), False),
    ],
)
def test_TM313_statistics_of_a_large_catalog(catalog: Catalog, stale: bool) -> None:
    hints = [hint for _, _, hint in found(replace(GOOD, catalogs=(catalog,)))]
    assert hints == (["as the database's owner: ANALYZE pg_class;"] if stale else [])


def test_TM314_a_dump_at_work() -> None:
    ((kind, message, _),) = found(replace(GOOD, dumps=(17, 18)))
    assert kind == "TM314"
    assert message.startswith("pg_dump is at work (backend 17, 18)")


@pytest.mark.parametrize(
    ("free", "largest", "told"),
    [(300 * MB, 100 * MB, False), (300 * MB, 200 * MB, True), (200 * MB, 0, True)],
)
def test_TM315_disk_space(free: int, largest: int, told: bool) -> None:
    server = replace(GOOD, disk=Disk(free, "acme.book", largest))
    assert [kind for kind, *_ in found(server)] == (["TM315"] if told else [])


def test_disk_space_in_words() -> None:
    ((_, message, _),) = found(replace(GOOD, disk=Disk(1500 * MB, "acme.book", 1200 * MB)))
    assert message == (
        "1.46 GB are free where the database's files are; rewriting its largest table, "
        "acme.book, takes another 1.17 GB"
    )
    ((_, message, _),) = found(replace(GOOD, disk=Disk(100 * MB)))
    assert message == "100 MB are free where the database's files are"


@pytest.fixture
def role(server: servers.Server, fleet: Fleet) -> Iterator[str]:
    """A role that may do everything in the fleet's database, but is no superuser."""
    name = f"{server.prefix}_plain"
    identifier = sql.Identifier(name)
    server.run(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 4").format(identifier))
    yield name
    fleet.sql(f"DROP OWNED BY {name}")
    server.run(sql.SQL("DROP ROLE {}").format(identifier))


class TestRealServer:
    def test_a_dump_is_noticed_in_text_json_and_log(
        self, fleet: Fleet, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING, "tenant_migrations.rollout")
        with fleet.connect(application_name="pg_dump") as dump:
            backend = dump.info.backend_pid
            text = fleet.verify("--fix", "--dry-run")
            document = fleet.verify("--fix", "--json").json
        assert text.exit_code == 0
        assert text.stdout.splitlines()[:2] == [
            "server",
            f"  TM314 warning: pg_dump is at work (backend {backend}) and keeps a "
            "lock on each table that it dumps: most migrations of these have to wait for its end, "
            "and fail after the lock timeout",
        ]
        (finding,) = document["preflight"]
        assert (finding["id"], finding["severity"]) == ("TM314", "warning")
        assert document["findings"] == []
        noticed = [record for record in caplog.records if record.message == "preflight"]
        assert [record.levelname for record in noticed] == ["WARNING"] * 2

    def test_facts_are_the_servers_own(self, fleet: Fleet) -> None:
        from tenant_migrations.fleet.server import read_server

        facts = read_server()
        with fleet.connect() as raw, raw.transaction():
            raw.execute("LOCK TABLE alpha.finance_refund IN SHARE MODE")
            later = read_server()
        assert (facts.standby, facts.read_only) == (False, False)
        assert facts.max_connections == int(fleet.value("SHOW max_connections"))
        assert 4 < facts.free_connections <= facts.max_connections
        assert facts.locks_of_largest > fleet.value(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'alpha'::regnamespace"
        )
        assert later.locks_taken > 0
        assert [catalog.name for catalog in facts.catalogs] == ["pg_attribute", "pg_class"]
        assert facts.disk is None or facts.disk.free > 0

    def test_the_largest_table_is_named_where_it_is_large(self, fleet: Fleet) -> None:
        from tenant_migrations.fleet.server import read_server

        fleet.sql(
            "CREATE TABLE big (n int, filler char(900)) WITH (fillfactor = 10);"
            "INSERT INTO big SELECT n, '' FROM generate_series(1, 1100) n; ANALYZE big",
            schema="beta",
        )
        facts = read_server()
        if facts.disk is None:
            pytest.skip("the folder of the server's files can't be seen")
        assert facts.disk.largest_table == "beta.big"
        assert facts.disk.largest == fleet.value("SELECT pg_relation_size('beta.big')")
        without = read_server(schemas=False)
        assert without.disk is not None
        assert (without.disk.largest_table, without.largest_schema) == ("", "")

    def test_limits_of_a_role_count(self, fleet: Fleet, role: str) -> None:
        for statement in (
            "GRANT ALL ON SCHEMA public, alpha, beta, gamma, delta TO {}",
            "GRANT ALL ON ALL TABLES IN SCHEMA public, alpha, beta, gamma, delta TO {}",
        ):
            fleet.sql(statement.format(role))
        url = replace(fleet.database, user=role).url
        answer = fleet.manage(
            "verify_tenant_migrations", "--fix", "--dry-run", "--jobs=2", "--json", DATABASE_URL=url
        )
        (finding,) = answer.json["preflight"]
        assert finding["message"] == "only 4 connections are to be had: 1 of 2 jobs"
        assert answer.json["forecast"]["jobs"] == 1
        fleet.sql(f"ALTER ROLE {role} CONNECTION LIMIT 3")
        answer = fleet.manage(
            "verify_tenant_migrations", "--fix", "--json", "--no-input", DATABASE_URL=url
        )
        assert answer.exit_code == 3
        assert answer.error_line.startswith("error: 3 connections to be had (max_connections is ")
