"""The forecast of a dry run: what is locked, how large it is, how long it takes."""

import pytest

from tenant_migrations.cli.durations import in_words
from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

DRY = ("verify_tenant_migrations", "--fix", "--dry-run", "--jobs=2")
LATER = """
    migrations.AlterField("shelf", "name", models.TextField()),
    migrations.AlterField("movement", "count", models.BigIntegerField()),
    migrations.AddField("movement", "by", models.ForeignKey(
        "customers.Tenant", models.CASCADE, null=True, related_name="+")),
    migrations.CreateModel("lorry", [("id", models.BigAutoField(primary_key=True))]),
    migrations.RunPython(migrations.RunPython.noop),
"""


@pytest.fixture
def behind(healthy: TortureFleet) -> TortureFleet:
    """All tenants lack a migration, `second` has much in its tables, and nothing is on record."""
    healthy.version = version(healthy.folder, "stock", {"0005_later": LATER})
    healthy.sql(
        "INSERT INTO stock_shelf (name) SELECT repeat('x', 50) FROM generate_series(1, 2000);"
        "ANALYZE stock_shelf",
        schema="second",
    )
    healthy.sql("DELETE FROM tenant_migrations_tenantoutcome")
    return healthy


def remember(fleet: TortureFleet, applied: str, *seconds: float) -> None:
    """Tenants of a run that took so long for migrations, given as a JSON list."""
    rollout = fleet.last_rollout()["id"]
    for number, took in enumerate(seconds):
        fleet.sql(
            "INSERT INTO tenant_migrations_tenantoutcome (rollout_id, schema_name, state,"
            " status_before, status_after, ledger_before, applied, repaired, attempts, migration,"
            " sqlstate, message, hint, duration_seconds)"
            " VALUES (%s, %s, 'fixed', 'pending', 'ok', '', %s, '[]', 1, '', '', '', '', %s)",
            rollout,
            f"t{number}{applied}"[:60],
            applied,
            took,
        )


def test_tables_are_named_with_lock_work_and_size(behind: TortureFleet) -> None:
    lines = behind.run(*DRY).stdout.splitlines()
    said = [line for line in lines if line.startswith("-- ") and " KB" not in line][-7:]
    second = behind.value(
        "SELECT pg_total_relation_size('second.stock_shelf') / 1024", schema="second"
    )
    public = behind.value("SELECT pg_total_relation_size('customers_tenant') / 1024")
    movement = behind.value("SELECT pg_total_relation_size('first.stock_movement') / 1024")
    other = behind.value("SELECT pg_total_relation_size('first.stock_shelf') / 1024")
    assert said == [
        "-- THIS OPERATION CANNOT BE WRITTEN AS SQL",
        "-- stock_movement: rewrites the table, ACCESS EXCLUSIVE (readers and writers wait); "
        f"clean {movement} kB, first {movement} kB, second {movement} kB",
        "-- customers_tenant of public: reads the whole table, SHARE ROW EXCLUSIVE "
        f"(writers wait); public {public} kB",
        "-- stock_shelf: brief, ACCESS EXCLUSIVE (readers and writers wait); "
        f"second {second} kB (2,001 rows), clean {other} kB, first {other} kB",
        "-- new: stock_lorry",
        "-- not foreseen: Raw Python operation",
        "-- how long it takes with 2 jobs is not known: no history yet",
    ]


def test_the_document_says_the_same(behind: TortureFleet) -> None:
    document = behind.heal("--dry-run", "--jobs=3").json
    (variant,) = document["plan"]
    expected = variant["forecast"]
    assert [
        (table["table"], table["shared"], table["lock"], table["work"])
        for table in expected["tables"]
    ] == [
        ("stock_movement", False, "ACCESS EXCLUSIVE", "rewrite"),
        ("customers_tenant", True, "SHARE ROW EXCLUSIVE", "scan"),
        ("stock_shelf", False, "ACCESS EXCLUSIVE", "none"),
    ]
    largest = expected["tables"][2]["largest"][0]
    assert (largest["schema_name"], largest["rows"]) == ("second", 2001)
    assert largest["size_bytes"] > 100_000
    assert expected["created"] == ["stock_lorry"]
    assert expected["unknown"] == ["Raw Python operation"]
    assert expected["seconds_per_tenant"] is None
    assert document["forecast"] == {"jobs": 3, "seconds": None, "same_migrations": False}
    assert document["preflight"] == []


def test_how_long_it_takes_is_the_median_of_the_same_migrations(behind: TortureFleet) -> None:
    remember(behind, '["quick.0001_initial"]', 100, 100)
    remember(behind, '["stock.0005_later"]', 1, 2, 9)
    document = behind.heal("--dry-run", "--jobs=2").json
    (variant,) = document["plan"]
    assert variant["forecast"]["seconds_per_tenant"] == 2
    assert variant["forecast"]["known_from_tenants"] == 3
    assert document["forecast"] == {"jobs": 2, "seconds": 4.0, "same_migrations": True}


def test_one_tenant_is_no_quicker_with_more_jobs(behind: TortureFleet) -> None:
    remember(behind, '["stock.0005_later"]', 2)
    document = behind.heal("--dry-run", "--tenant=first", "--jobs=8").json
    assert document["forecast"]["seconds"] == 2


def test_or_of_as_many_others(behind: TortureFleet) -> None:
    remember(behind, '["quick.0001_initial", "quick.0002_rows"]', 3, 3, 8)
    lines = behind.run(*DRY).stdout.splitlines()
    assert lines[-3:] == [
        "-- about 1.5 s a tenant, by 3 tenants with other migrations",
        "",
        "-- should take about 3.0 s with 2 jobs, by other migrations",
    ]


def test_a_table_that_somebody_holds_keeps_nobody_waiting(behind: TortureFleet) -> None:
    with behind.holding("LOCK TABLE second.stock_shelf IN ACCESS EXCLUSIVE MODE"):
        (variant,) = behind.heal("--dry-run").json["plan"]
    largest = variant["forecast"]["tables"][2]["largest"][0]
    assert (largest["schema_name"], largest["rows"]) == ("second", 2001)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3569, "59 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
