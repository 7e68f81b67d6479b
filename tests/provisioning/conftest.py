"""The torture project, whose tenant model is made from the reference."""

from collections.abc import Callable

import pytest

from tests.rollout.conftest import (  # noqa: F401
    forge,
    made_once,
    torture_on,
    torture_public,
)
from tests.torture.fleet import TortureFleet

SAVE = """
from tests.torture.customers.models import Tenant
tenant = Tenant(schema_name={name!r})
tenant.auto_create_schema = True
tenant.save()
"""


def save(name: str) -> tuple[str, ...]:
    """The command line that makes a tenant by saving its row."""
    return ("shell", "-v0", "-c", SAVE.format(name=name))


@pytest.fixture(scope="session")
def saved_template(
    made_once: Callable[..., TortureFleet],  # noqa: F811
    torture_public: TortureFleet,  # noqa: F811
) -> TortureFleet:
    """`saved` and `again` were made by saving them, `migrated` by Django."""

    def build(fleet: TortureFleet) -> None:
        for name in ("saved", "again"):
            answer = fleet.run(*save(name))
            assert answer.exit_code == 0, answer.stderr
        fleet.add_tenant("migrated")
        fleet.migrate("migrated")

    return made_once("saved_tenants", build, torture_public)


@pytest.fixture
def saved(
    torture_on: Callable[[TortureFleet], TortureFleet],  # noqa: F811
    saved_template: TortureFleet,
) -> TortureFleet:
    """A copy of that."""
    return torture_on(saved_template)
