"""Apps that others wrote: tenants brought to the code by this engine equal Django's.

Wagtail's history, django-celery-beat's and those of Django's contrib apps, from two ledgers.
Tenants of each are equal, so that what was worked out for one serves the others; one more has a
table, an index and rows of its own.
"""

from collections.abc import Iterator

import pytest

from tests.support.runs import Run
from tests.support.servers import Server
from tests.torture.fleet import Forge, TortureFleet

EARLY = (("wagtailcore", "0062"), ("django_celery_beat", "0008"))
LATE = (("wagtailusers", "0004"), ("django_celery_beat", "0011"))
QUICK = "--skip-checks"
SHARED = ("contenttypes", "auth", "customers", "tenant_migrations")
OWN = """
    CREATE TABLE own (id int PRIMARY KEY, page_id int REFERENCES wagtailcore_page (id));
    CREATE INDEX own_index ON wagtailcore_page (title);
    INSERT INTO own SELECT 1, id FROM wagtailcore_page ORDER BY id LIMIT 1;
    INSERT INTO taggit_tag (name, slug) SELECT n, n FROM generate_series(1, 9) n;
    INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email,
                           is_staff, is_active, date_joined)
        SELECT '', false, 'user' || n, '', '', '', false, true, now() FROM generate_series(1, 3) n;
    INSERT INTO wagtailusers_userprofile
        (user_id, submitted_notifications, approved_notifications, rejected_notifications)
        SELECT id, true, false, true FROM auth_user;
"""
TENANTS = ("early1", "early2", "late1", "late2", "late3", "late_odd")


def counterpart(name: str) -> str:
    """The tenant that came the same way with Django."""
    return f"django_{name.rstrip('123')}"


def build(fleet: TortureFleet) -> None:
    """Make all tenants, Django's and ours."""
    for app in SHARED:
        succeed(fleet, "migrate_schemas", app, "--shared", "--executor=standard", QUICK, "-v0")
    # The rest does nothing in public, and only has to be recorded there.
    succeed(fleet, "migrate_schemas", "--shared", "--fake", QUICK, "-v0")
    fleet.add_tenant("django_early")
    for target in EARLY:
        fleet.migrate("django_early", *target, QUICK)
    go_both_ways(fleet, {"early1": "django_early", "early2": "django_early"})
    fleet.copy_tenant("django_early", "django_late")
    for target in LATE:
        fleet.migrate("django_late", *target, QUICK)
    fleet.copy_tenant("django_late", "django_late_odd")
    fleet.sql(OWN, schema="django_late_odd")
    equal = {f"late{number}": "django_late" for number in (1, 2, 3)}
    go_both_ways(fleet, equal | {"late_odd": "django_late_odd"})


def go_both_ways(fleet: TortureFleet, copies: dict[str, str]) -> None:
    """Django brings the tenants to the code that it made, this engine their copies."""
    for name, original in copies.items():
        fleet.copy_schema(original, name)
    for original in sorted(set(copies.values())):
        fleet.migrate(original, QUICK)
    for name in copies:
        fleet.add_row(name)
    succeed(fleet, "migrate_schemas", "--tenant", QUICK, "-v0")
    outcomes = fleet.outcomes(fleet.last_rollout()["id"])
    assert {name: row["state"] for name, row in outcomes.items()} == dict.fromkeys(copies, "fixed")


def succeed(fleet: TortureFleet, *argv: str) -> None:
    answer = fleet.run(*argv)
    assert answer.exit_code == 0, answer.stderr


@pytest.fixture(scope="module")
def packages(
    run: Run, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TortureFleet]:
    """All tenants, brought to the code."""
    database = server.database("packages")
    forge = Forge(database.url, "tests.packages_project.settings")
    fleet = TortureFleet(forge, database, tmp_path_factory.mktemp("packages"))
    try:
        with run.once(database.name) as marker:
            if marker:
                database.drop()
                database.create()
                build(fleet)
                marker.touch()
        yield fleet
    finally:
        forge.close()


@pytest.mark.parametrize("name", TENANTS)
def test_it_equals_djangos(packages: TortureFleet, name: str) -> None:
    django = counterpart(name)
    assert packages.structure(name) == packages.structure(django)
    assert packages.ledger(name) == packages.ledger(django)
    assert len(packages.ledger(name)) > 250
    assert packages.rows(name) == packages.rows(django)
