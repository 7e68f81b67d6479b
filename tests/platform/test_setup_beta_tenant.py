"""`setup_beta_tenant`: one tenant for one company, whole or not at all."""

import re
import signal

import psycopg
import pytest

from tenant_migrations.exceptions import WrongUse
from tests.platform.databases import Database
from tests.platform.test_bootstrap_demo_tenant import stopped_midway
from zumodra.tenants import naming

ACME = ("setup_beta_tenant", "Acme GmbH", "Ada@Acme.example")


def without_link(text: str) -> list[str]:
    return [line for line in text.splitlines() if "set a password" not in line][1:]


def test_company_is_set_up_once_and_answered_alike_ever_after(demo_database: Database) -> None:
    first = demo_database.run(*ACME, "--plan=professional", "--trial-days=10")
    assert (first.returncode, first.stderr) == (0, "")
    assert re.search(r"http://acme-gmbh\.localhost:8000/set-password/\w+/\S+", first.stdout)
    after = demo_database.names
    assert "tenant_acme_gmbh" in after["schemas"]
    assert "ada@acme.example" in after["users"]

    second = demo_database.run(*ACME)
    assert (second.returncode, second.stderr) == (0, "")
    assert "exists already" in second.stdout
    assert without_link(second.stdout) == without_link(first.stdout)
    assert demo_database.names == after

    for arguments, why in [
        (["Acme gmbh", "b@acme.example"], "belongs to another address"),
        (["Other", "ada@acme.example"], "owns the company"),
        (["Other", "owner@demo.localhost"], "There is an account"),
        (["Other", "o@acme.example", "--domain=acme-gmbh.localhost"], "belongs to another tenant"),
        (["Acme GmbH", "ada@acme.example", "--plan=free"], "exists already with the plan"),
    ]:
        clash = demo_database.run("setup_beta_tenant", *arguments)
        assert clash.returncode == 2
        assert why in clash.stderr
        assert len(clash.stderr.splitlines()) == 1
    assert demo_database.names == after


@pytest.mark.parametrize(
    "arguments",
    [
        ["", "a@b.example"],
        ["x" * 151, "a@b.example"],
        ["Esc\x1b[31m", "a@b.example"],
        ["Acme", "nobody"],
        ["Acme", "a@b.example", "--plan=gold"],
        ["Acme", "a@b.example", "--trial-days=0"],
        ["Acme", "a@b.example", "--trial-days=366"],
        ["Acme", "a@b.example", "--domain=http://acme.example"],
        ["Acme", "a@b.example", "--domain=www.acme.example"],
        ["Acme"],
    ],
)
def test_wrong_use_writes_nothing(empty_database: Database, arguments: list[str]) -> None:
    result = empty_database.run("setup_beta_tenant", *arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "\x1b" not in result.stderr
    assert not empty_database.query("SELECT 1 FROM pg_class WHERE relname = 'tenants_tenant'")


def test_dry_run_says_what_would_be_made(demo_database: Database) -> None:
    before = demo_database.names
    result = demo_database.run(*ACME, "--dry-run")
    assert "Would make tenant_acme_gmbh at acme-gmbh.localhost: plan starter" in result.stdout
    assert demo_database.names == before


def test_schema_of_nobody_is_neither_adopted_nor_dropped(demo_database: Database) -> None:
    demo_database.query("CREATE SCHEMA tenant_acme_gmbh")
    demo_database.query("CREATE TABLE tenant_acme_gmbh.treasure ()")
    before = demo_database.names
    result = demo_database.run(*ACME)
    assert result.returncode == 2
    assert "A schema tenant_acme_gmbh exists without a tenant; it is left alone" in result.stderr
    assert demo_database.names == before
    assert demo_database.query("SELECT 1 FROM pg_class WHERE relname = 'treasure'")


def test_failing_migration_leaves_nothing(demo_database: Database) -> None:
    demo_database.query(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()"
        "            WHERE object_identity LIKE '%.finance_refund')"
        " THEN RAISE 'no refunds'; END IF; END $$"
    )
    demo_database.query(
        "CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE')"
        " EXECUTE FUNCTION refuse()"
    )
    before = demo_database.names
    result = demo_database.run(*ACME)
    assert result.returncode == 1
    assert "nothing of it is left" in result.stderr
    assert "no refunds" in result.stderr
    assert demo_database.names == before


def test_failing_deferred_sql_of_djangos_way_leaves_nothing(demo_database: Database) -> None:
    """A schema editor that fails at its end leaves Django's transaction open."""
    demo_database.query(
        "UPDATE tenant_migrations_referencescript SET obstacle = 'told so', statements = ''"
    )
    demo_database.query(
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()"
        "            WHERE object_identity LIKE '%.finance_refund%')"
        " THEN RAISE 'no keys'; END IF; END $$"
    )
    demo_database.query(
        "CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE')"
        " EXECUTE FUNCTION refuse()"
    )
    before = demo_database.names
    result = demo_database.run(*ACME)
    assert result.returncode == 1
    assert "no keys" in result.stderr
    assert demo_database.names == before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, "terminated"])
def test_cut_off_run_leaves_nothing(demo_database: Database, end: "signal.Signals | str") -> None:
    before = demo_database.names
    with stopped_midway(demo_database, *ACME) as process:
        if isinstance(end, signal.Signals):
            process.send_signal(end)
        else:
            demo_database.query(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        process.communicate(timeout=60)
    codes = {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGKILL: -9, "terminated": 3}
    assert process.returncode == codes[end]
    assert demo_database.names == before


def test_what_a_killed_run_left_of_djangos_way_is_removed_by_any_run(
    demo_database: Database,
) -> None:
    before = demo_database.names
    demo_database.query(
        "INSERT INTO tenants_tenant SELECT (json_populate_record(t, json_build_object("
        "'id', 99, 'uuid', gen_random_uuid(), 'slug', 'x', 'status', 'provisioning',"
        " 'schema_name', 'tenant_half'))).* FROM tenants_tenant t"
    )
    demo_database.query("CREATE SCHEMA tenant_half")
    result = demo_database.run("bootstrap_demo_tenant")
    assert result.stderr == "Removed tenant_half, which a killed run had left unfinished.\n"
    assert demo_database.names == before


def test_second_process_for_the_same_name_is_told_to_wait(demo_database: Database) -> None:
    before = demo_database.names
    with psycopg.connect(demo_database.conninfo) as connection:
        connection.execute(
            "SELECT pg_advisory_lock(hashtext('zumodra.provisioning'), hashtext(%s))",
            ["tenant_acme_gmbh"],
        )
        result = demo_database.run(*ACME)
    assert result.returncode == 75
    assert demo_database.names == before


@pytest.mark.parametrize(
    "company",
    [
        *("Acme", "Çelik & Søn", "株式会社", "🙂", "'; DROP TABLE x; --", "x" * 150, "ü" * 150),
        *("pg_catalog", "public", "information schema", "migrations reference", "Demo", "Demo 2"),
    ],
)
def test_schema_names_are_safe(company: str) -> None:
    label = naming.label_for(naming.clean_company(company))
    schema_name = naming.schema_name_for(label)
    assert re.fullmatch(r"tenant_[a-z0-9_]+", schema_name)
    assert len(schema_name.encode()) <= 63
    assert not naming.is_reserved(label)
    assert not naming.DEMO_SCHEMA.fullmatch(schema_name)
    assert naming.clean_domain(f"{label}.localhost") == f"{label}.localhost"


def test_names_that_ascii_would_merge_get_schemas_of_their_own() -> None:
    companies = ["株式会社", "有限会社", "Søn", "Sn", "x" * 100, "x" * 101]
    assert len({naming.label_for(company) for company in companies}) == len(companies)


@pytest.mark.parametrize("domain", ["localhost", "acme", "a..b", "-a.b", "a" * 64 + ".b", "ä.de"])
def test_impossible_domains_are_refused(domain: str) -> None:
    with pytest.raises(WrongUse):
        naming.clean_domain(domain)
