"""The order of tenants, and what it goes by."""

from tenant_migrations.fleet.server import read_server
from tenant_migrations.rollout.ordering import Sizes, waves
from tenant_migrations.rollout.planning import Task
from tenant_migrations.vocabulary import TenantStatus, Wave
from tests.support.fleets import Fleet


def tasks(count: int) -> list[Task]:
    """One for each tenant, all alike."""
    return [
        Task(f"t{number:02}", "tenant", TenantStatus.PENDING, "", "") for number in range(count)
    ]


def test_the_smallest_tenth_is_a_wave_and_each_begins_with_its_largest() -> None:
    sizes = Sizes({f"t{number:02}": (number * 7) % 60 for number in range(60)}, frozenset())
    found = waves(tasks(60), sizes)
    pages = {wave: [sizes.of(task) for task in part] for wave, part in found.items()}
    assert pages == {
        Wave.SMALLEST: [5, 4, 3, 2, 1, 0],
        Wave.REST: [*range(59, 5, -1)],
    }


def test_a_small_fleet_is_one_wave_and_no_tenant_is_none() -> None:
    nothing = Sizes({}, frozenset())
    assert [(wave, len(part)) for wave, part in waves(tasks(49), nothing).items()] == [
        (Wave.REST, 49)
    ]
    assert waves([], nothing) == {}


def test_sizes_and_use_are_the_servers_own(fleet: Fleet) -> None:
    """A table that was read, and one of which an index was."""
    for schema, statement in (
        ("alpha", "SELECT count(*) FROM finance_invoice"),
        ("beta", "SET enable_seqscan = off; SELECT 1 FROM finance_invoice WHERE id = 1"),
    ):
        fleet.sql(f"{statement}; SELECT pg_stat_force_next_flush()", schema=schema)
    fleet.sql("ANALYZE finance_invoice", schema="gamma")
    pages = read_server().pages
    sizes = Sizes.read(["alpha", "beta", "gamma", "nobody"], pages)
    assert sizes.used == {"alpha", "beta"}
    for schema in ("alpha", "beta", "gamma"):
        assert sizes.pages[schema] == fleet.value(
            "SELECT sum(relpages) FROM pg_class"
            f" WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'm')"
        )
    assert Sizes.read(["beta", "nobody"], pages).used == {"beta"}
