"""Advisory locks that a connection of its own holds."""

from contextlib import AbstractContextManager

import pytest

from tenant_migrations import locks
from tests.support.fleets import Fleet


@pytest.mark.parametrize(
    "lock", [locks.FleetLock(), locks.alone(locks.WORK, "some", "busy")], ids=["fleet", "alone"]
)
def test_it_is_free_as_soon_as_it_was_given_back(
    fleet: Fleet, lock: AbstractContextManager[object]
) -> None:
    """Not only when the server has noticed that the connection was closed."""
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with fleet.connect() as watching:
        with lock:
            assert watching.execute(held).fetchone() == (1,)
        assert watching.execute(held).fetchone() == (0,)
