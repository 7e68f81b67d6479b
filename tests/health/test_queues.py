"""The checks of Redis and Celery, with a real Redis server and a real worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import Answer
from tests.support.fleets import Fleet
from tests.support.queues import Broker, start_broker, worker
from tests.support.receivers import free_port


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = start_broker()
    yield made
    made.stop()


def queues(fleet: Fleet, url: str) -> dict[str, Any]:
    """What the two checks say."""
    answer: Answer = fleet.manage(
        "health_check", "--full", "--json", "--timeout=5", CELERY_BROKER_URL=url
    )
    return {name: answer.json["checks"][name] for name in ("redis", "celery")}


def test_redis_and_celery_are_healthy_with_both_and_not_without_a_worker(
    public_only: Fleet, broker: Broker, tmp_path: Path
) -> None:
    env = public_only.environment(CELERY_BROKER_URL=broker.url)
    with worker(env, tmp_path / "log", "--pool=solo"):
        found = queues(public_only, broker.url)
        assert found["redis"]["status"] == "healthy"
        assert found["redis"]["details"] == {"servers": [f"127.0.0.1:{broker.port}/0"]}
        assert found["celery"]["status"] == "healthy", found["celery"]
    found = queues(public_only, broker.url)
    assert found["redis"]["status"] == "healthy"
    assert found["celery"]["status"] == "unhealthy"
    assert "workers unavailable" in found["celery"]["message"]


def test_a_broker_that_is_down_is_unhealthy_and_its_password_a_secret(
    public_only: Fleet,
) -> None:
    found = queues(public_only, f"redis://:s3cret@127.0.0.1:{free_port()}/0")
    assert found["redis"]["status"] == found["celery"]["status"] == "unhealthy"
    assert "s3cret" not in str(found)


def test_without_a_broker_neither_is_checked(public_only: Fleet) -> None:
    answer = public_only.command("health_check", "--full", "--json")
    assert not {"redis", "celery"} & set(answer.json["checks"])
