"""The page that Prometheus scrapes."""

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from tests.observability.samples import add_check
from tests.support.fleets import Fleet

PAGE = {"path": "/metrics", "HTTP_HOST": "localhost"}


def open_to(**options: object) -> override_settings:
    return override_settings(TENANT_MIGRATIONS={"METRICS_PREFIX": "zumodra_", **options})


def test_closed_until_it_is_opened(fleet: Fleet) -> None:
    with open_to():
        response = Client().get(**PAGE, HTTP_AUTHORIZATION="Bearer ")
    assert (response.status_code, response.content) == (403, b"")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer token-1", 200),
        ("bearer token-1", 200),
        ("Bearer token-2", 401),
        ("Bearer ", 401),
        ("Bearer tökén", 401),
        ("Basic token-1", 401),
        ("token-1", 401),
        ("", 401),
    ],
)
def test_the_token_opens_it(fleet: Fleet, header: str, status: int) -> None:
    with open_to(METRICS_TOKEN="token-1"):
        response = Client().get(**PAGE, HTTP_AUTHORIZATION=header)
    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.content == b""


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.2.3", 200), ("fd00::5", 200), ("11.1.2.3", 403), ("", 403), ("unix:", 403)],
)
def test_its_network_opens_it(fleet: Fleet, address: str, status: int) -> None:
    with open_to(METRICS_NETWORKS=["10.0.0.0/8", "fd00::/8"]):
        response = Client().get(**PAGE, REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR="10.1.2.3")
    assert response.status_code == status


def test_it_tells_of_the_newest_check_in_few_statements(fleet: Fleet) -> None:
    sample = add_check(pending_total=2, pending_by_app={"finance": 2})
    with open_to(METRICS_NETWORKS=["127.0.0.1"]), CaptureQueriesContext(connection) as queries:
        response = Client().get(**PAGE)
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in response.headers["Cache-Control"]
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }
    assert found["zumodra_total_tenants"] == 4
    assert found["zumodra_last_check_timestamp_seconds"] == pytest.approx(
        sample.taken_at.timestamp(), abs=0.01
    )
    assert len(queries) <= 24
    assert not any("pg_class" in query["sql"] for query in queries)


def test_it_speaks_openmetrics_where_asked(fleet: Fleet) -> None:
    add_check()
    with open_to(METRICS_NETWORKS=["127.0.0.1"]):
        response = Client().get(**PAGE, HTTP_ACCEPT="application/openmetrics-text")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


def test_it_leaks_no_error(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    with fleet.connect(autocommit=False) as other:
        other.execute("LOCK TABLE tenant_migrations_sample")
        with open_to(METRICS_NETWORKS=["127.0.0.1"]):
            response = Client().get(**PAGE)
    assert (response.status_code, response.content) == (503, b"")
    assert "metrics_not_collected" in caplog.messages


def test_it_only_reads(fleet: Fleet) -> None:
    with open_to(METRICS_NETWORKS=["127.0.0.1"]):
        assert Client().post(**PAGE).status_code == 405
        assert Client().head(**PAGE).status_code == 200


def test_no_tenant_host_has_it(fleet: Fleet) -> None:
    with open_to(METRICS_NETWORKS=["127.0.0.1"]):
        assert Client().get("/metrics", HTTP_HOST="alpha.localhost").status_code == 404
