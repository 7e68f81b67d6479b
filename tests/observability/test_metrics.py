"""The fleet in numbers: what `migration_metrics` tells, and when it tells nothing."""

import json
import os
import resource
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from tenant_migrations.models import Rollout, Sample
from tenant_migrations.observability.metrics import gather
from tenant_migrations.observability.past import look_back
from tenant_migrations.observability.tally import heals_ever
from tenant_migrations.vocabulary import OutcomeState, RolloutState
from tests.observability.samples import add_check, add_rollout
from tests.support.code import code_with
from tests.support.fleets import Fleet

BEFORE_LAST = "0024_subscription_cancellation"
SECTIONS = {
    "tenant_metrics": {
        "total_tenants",
        "tenants_healthy",
        "tenants_with_pending",
        "tenants_with_errors",
        "tenants_drifted",
        "tenants_quarantined",
        "details",
    },
    "aggregated_metrics": {
        "total_pending_migrations",
        "avg_pending_per_tenant",
        "max_pending_migrations",
        "avg_check_duration_seconds",
        "max_check_duration_seconds",
        "newest_migration_date",
    },
    "performance_metrics": {
        "verification_command_available",
        "health_check_available",
        "automated_monitoring_active",
    },
    "health_metrics": {"overall_health", "migration_system_health", "issues_detected"},
}


def samples_of(text: str) -> dict[str, float]:
    """Values by name, or by name and label values."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.timestamp is None
            found[" ".join((sample.name, *sample.labels.values()))] = sample.value
    return found


# --- the document


def test_the_document_of_a_healthy_fleet(fleet: Fleet) -> None:
    answer = fleet.command("migration_metrics", "--json")
    assert (answer.exit_code, answer.stderr) == (0, "")
    document = answer.json
    for section, keys in SECTIONS.items():
        assert set(document[section]) == keys
    assert document["window_hours"] == 24
    tenants = document["tenant_metrics"]
    assert (tenants["total_tenants"], tenants["tenants_healthy"]) == (4, 4)
    assert [t["schema_name"] for t in tenants["details"]] == ["alpha", "beta", "delta", "gamma"]
    numbers = document["aggregated_metrics"]
    assert (numbers["total_pending_migrations"], numbers["avg_pending_per_tenant"]) == (0, 0)
    assert numbers["newest_migration_date"] > "20"
    assert document["health_metrics"] == {
        "overall_health": "healthy",
        "migration_system_health": "healthy",
        "issues_detected": [],
    }
    assert document["performance_metrics"]["verification_command_available"] is True
    assert document["history"]["checks"] == 1
    assert document["history"]["healthy_share"] == 1
    assert Sample.objects.get().trigger == "metrics"


def test_the_document_of_a_broken_fleet(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", BEFORE_LAST)
    fleet.drop_table("beta", "finance_refund")
    fleet.drop_schema("gamma")
    answer = fleet.command("migration_metrics", "--json")
    assert answer.exit_code == 1
    tenants = answer.json["tenant_metrics"]
    assert tenants["total_tenants"] == 4
    for key in ("healthy", "with_pending", "with_errors", "drifted"):
        assert tenants[f"tenants_{key}"] == 1
    assert answer.json["aggregated_metrics"]["avg_pending_per_tenant"] == 0.25
    health = answer.json["health_metrics"]
    assert (health["overall_health"], health["migration_system_health"]) == ("degraded", "healthy")
    assert health["issues_detected"] == ["1 tenant missing", "1 tenant drifted", "1 tenant pending"]


def test_public_behind_is_unhealthy(fleet: Fleet) -> None:
    fleet.drop_table("public", "integrations_webhookendpoint")
    answer = fleet.command("migration_metrics", "--json")
    assert answer.exit_code == 1
    assert answer.json["health_metrics"]["overall_health"] == "unhealthy"
    assert answer.json["health_metrics"]["issues_detected"] == ["public is drifted"]


def test_no_data_gives_nulls(fleet: Fleet) -> None:
    answer = fleet.command("migration_metrics", "--json", "--recorded")
    assert answer.exit_code == 1
    document = answer.json
    assert set(document["aggregated_metrics"].values()) == {None}
    tenants = document["tenant_metrics"]
    assert tenants.pop("details") == []
    assert set(tenants.values()) == {None}
    assert document["health_metrics"]["overall_health"] is None
    assert document["health_metrics"]["migration_system_health"] is None
    assert document["history"]["healthy_share"] is None
    assert document["history"]["pending_max"] is None


def test_a_fleet_without_tenants_has_no_average(public_only: Fleet) -> None:
    answer = public_only.command("migration_metrics", "--json")
    assert answer.exit_code == 0
    assert answer.json["tenant_metrics"]["total_tenants"] == 0
    assert answer.json["aggregated_metrics"]["avg_pending_per_tenant"] is None


def test_the_window_bounds_the_history(fleet: Fleet) -> None:
    add_check(hours_ago=30, duration_seconds=50, pending_total=9)
    add_check(hours_ago=3, duration_seconds=2, not_ok=[["alpha", "pending", 7]], pending_total=7)
    add_check(hours_ago=2, duration_seconds=4)
    add_check(hours_ago=1.5, succeeded=False, error="timeout")
    add_rollout(2, outcomes={OutcomeState.FIXED: 3, OutcomeState.FAILED: 1})
    add_rollout(40, outcomes={OutcomeState.FIXED: 5})
    document = fleet.command("migration_metrics", "--json", "--recorded", "--window=24").json
    assert document["window_hours"] == 24
    numbers = document["aggregated_metrics"]
    assert (numbers["avg_check_duration_seconds"], numbers["max_check_duration_seconds"]) == (3, 4)
    past = document["history"]
    assert (past["checks"], past["checks_failed"], past["pending_max"]) == (3, 1, 7)
    assert past["healthy_share"] == pytest.approx(1 / 3, abs=0.001)
    assert (past["rollouts"], past["heals"]["fixed"], past["heals"]["failed"]) == (1, 3, 1)
    wider = fleet.command("migration_metrics", "--json", "--recorded", "--window=48").json
    assert wider["aggregated_metrics"]["max_check_duration_seconds"] == 50
    narrow = fleet.command("migration_metrics", "--json", "--recorded", "--window=1").json
    assert narrow["aggregated_metrics"]["avg_check_duration_seconds"] is None
    assert narrow["history"]["healthy_share"] is None


def test_a_newer_check_that_failed_is_unhealthy(fleet: Fleet) -> None:
    good = add_check(hours_ago=3)
    add_check(hours_ago=1, succeeded=False, error="no connection")
    metrics = gather()
    assert metrics.overall_health == "unhealthy"
    assert metrics.check == good
    assert metrics.issues == ("the newest check failed: no connection",)
    add_check(hours_ago=0.5)
    assert gather().overall_health == "healthy"


def test_a_silent_rollout_is_an_issue(fleet: Fleet) -> None:
    add_check()
    add_rollout(1, state=RolloutState.RUNNING)
    metrics = gather()
    assert metrics.is_rollout_stuck
    assert metrics.system_health == "degraded"
    (issue,) = metrics.issues
    assert "no sign of life" in issue


def test_the_fleet_is_monitored_while_it_is_checked(fleet: Fleet) -> None:
    add_check(hours_ago=1)
    add_check(trigger="metrics")
    add_check(whole_fleet=False)
    assert not gather().is_monitored
    add_check(hours_ago=0.5, succeeded=False)
    assert gather().is_monitored


def test_before_the_tables_there_is_nothing(fleet: Fleet) -> None:
    fleet.drop_table("public", "tenant_migrations_sample")
    assert gather().check is None
    assert look_back(24).checks == []


def test_the_text_for_people(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", BEFORE_LAST)
    answer = fleet.command("migration_metrics")
    assert answer.exit_code == 1
    lines = answer.stdout.splitlines()
    assert lines[0].split() == ["health", "degraded"]
    assert lines[-1] == "issue: 1 tenant pending"


# --- the text for Prometheus


def test_prometheus_gets_every_number(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", BEFORE_LAST)
    fleet.drop_table("beta", "finance_refund")
    assert fleet.verify("--fix", "--no-input", "--tenant=beta").exit_code == 0
    answer = fleet.command("migration_metrics", "--prometheus")
    assert (answer.exit_code, answer.stderr) == (1, "")
    found = samples_of(answer.stdout)
    assert found["zumodra_total_tenants"] == 4
    assert found["zumodra_tenants_healthy"] == 3
    assert found["zumodra_tenants_with_pending"] == 1
    assert found["zumodra_pending_migrations_by_app finance"] == 1
    assert found["zumodra_migration_health"] == 0
    assert found["zumodra_issues_detected"] == 1
    assert found["zumodra_last_check_succeeded"] == 1
    assert found["zumodra_autofix_total fixed"] == 1
    assert found["zumodra_autofix_total failed"] == 0
    assert found["zumodra_rollout_tenants fixed"] == 1
    assert found["zumodra_rollout_tenants not_attempted"] == 0
    assert found["zumodra_rollout_running"] == 0
    assert found["zumodra_rollout_duration_seconds"] > 0
    assert "zumodra_last_backup_timestamp_seconds" not in found
    assert "alpha" not in answer.stdout


def test_nothing_known_exports_no_number_of_tenants(fleet: Fleet) -> None:
    found = samples_of(fleet.command("migration_metrics", "--prometheus", "--recorded").stdout)
    assert "zumodra_total_tenants" not in found
    assert "zumodra_migration_health" not in found
    assert "zumodra_last_check_timestamp_seconds" not in found
    assert found["zumodra_issues_detected"] == 1


def test_tenants_are_named_only_when_asked_for(fleet: Fleet) -> None:
    add_check(not_ok=[['we"ird\\\n', "pending", 3]])
    assert "ird" not in fleet.command("migration_metrics", "--prometheus", "--recorded").stdout
    named = {"METRICS_PREFIX": "tm_", "METRICS_TENANT_LABELS": True}
    with override_settings(TENANT_MIGRATIONS=named):
        answer = fleet.command("migration_metrics", "--prometheus", "--recorded")
    found = samples_of(answer.stdout)
    assert found['tm_tenant_pending_migrations we"ird\\\n pending'] == 3
    assert "tm_total_tenants" in found


def test_heals_are_counted_over_all_rollouts(fleet: Fleet) -> None:
    add_rollout(9, outcomes={OutcomeState.FIXED: 3, OutcomeState.FAILED: 1})
    running = add_rollout(0, RolloutState.RUNNING, {OutcomeState.FIXED: 2, OutcomeState.RUNNING: 1})
    assert heals_ever()[OutcomeState.FIXED] == 5
    running.outcomes.filter(state=OutcomeState.RUNNING).update(state=OutcomeState.FAILED)
    assert heals_ever()[OutcomeState.FAILED] == 2
    Rollout.objects.update(state=RolloutState.FINISHED)
    add_rollout(0, outcomes={OutcomeState.FIXED: 1})
    heals = heals_ever()
    assert (heals[OutcomeState.FIXED], heals[OutcomeState.FAILED]) == (6, 2)
    assert heals_ever() == heals
    with CaptureQueriesContext(connection) as queries:
        heals_ever()
    assert all("GROUP BY" not in q["sql"] or '"rollout_id" > ' in q["sql"] for q in queries)


def test_the_running_rollout_is_the_one_that_is_told_of(fleet: Fleet) -> None:
    running = add_rollout(0.1, RolloutState.RUNNING, {OutcomeState.NOT_ATTEMPTED: 3})
    add_rollout(0, RolloutState.CRASHED, {OutcomeState.CRASHED: 1})
    found = samples_of(fleet.command("migration_metrics", "--prometheus", "--recorded").stdout)
    running.refresh_from_db()
    assert found["zumodra_rollout_running"] == 1
    assert found["zumodra_rollout_tenants not_attempted"] == 3
    assert found["zumodra_rollout_heartbeat_timestamp_seconds"] == pytest.approx(
        running.heartbeat_at.timestamp(), abs=0.01
    )
    assert "zumodra_rollout_duration_seconds" not in found


# --- failures and files


def test_a_failed_collection_keeps_the_last_file(fleet: Fleet, tmp_path: Path) -> None:
    target = tmp_path / "zumodra.prom"
    assert fleet.command("migration_metrics", f"--export={target}").exit_code == 0
    before = target.read_text()
    assert samples_of(before)["zumodra_total_tenants"] == 4
    nowhere = fleet.database.url.replace(fleet.database.name, "nowhere")
    answer = fleet.manage("migration_metrics", f"--export={target}", DATABASE_URL=nowhere)
    assert (answer.exit_code, answer.stdout) == (3, "")
    assert answer.error_line.startswith("error: ")
    assert target.read_text() == before
    assert os.listdir(tmp_path) == ["zumodra.prom"]


def test_a_check_that_fails_is_no_zero(fleet: Fleet) -> None:
    with code_with("finance", {"0025_other": ""}, depends_on=BEFORE_LAST):
        answer = fleet.command("migration_metrics", "--json")
        assert fleet.command("migration_metrics", "--prometheus").stdout == ""
    assert answer.exit_code == 3
    document = answer.json
    assert document["status"] == "error"
    assert document["error"] in answer.error_line
    assert document["health_metrics"]["issues_detected"] == [document["error"]]
    assert document["tenant_metrics"]["total_tenants"] is None
    assert (document["history"], document["window_hours"]) == (None, None)
    assert set(document) == set(fleet.command("migration_metrics", "--json").json)
    assert Sample.objects.filter(succeeded=False).count() == 2


@pytest.mark.parametrize(
    ("options", "name", "is_json"),
    [
        ([], "f.prom", False),
        ([], "f.json", True),
        (["--json"], "f.prom", True),
        (["--prometheus"], "f.json", False),
    ],
)
def test_a_file_is_replaced_whole(
    fleet: Fleet, tmp_path: Path, options: list[str], name: str, is_json: bool
) -> None:
    target = tmp_path / name
    target.write_text("old")
    target.chmod(0o600)
    answer = fleet.command("migration_metrics", "--recorded", *options, f"--export={target}")
    assert answer.exit_code == 1
    assert (answer.stdout == "") == ("--json" not in options)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    content = target.read_text()
    if is_json:
        assert json.loads(content)["status"] == "issues"
    else:
        assert "zumodra_issues_detected" in samples_of(content)
    assert os.listdir(tmp_path) == [name]


def test_a_file_that_cannot_be_finished_keeps_the_last(fleet: Fleet, tmp_path: Path) -> None:
    target = tmp_path / "f.prom"
    target.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        answer = fleet.command("migration_metrics", "--recorded", f"--export={target}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.exit_code == 3
    assert answer.error_line.endswith("was not written and is as it was: File too large")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["f.prom"]


@pytest.mark.parametrize("window", ["0", "-1", "abc", "1e9", "NaN", "", "1.5", "1000000000", "٣"])
def test_a_bad_window_is_refused(fleet: Fleet, tmp_path: Path, window: str) -> None:
    target = tmp_path / "f.prom"
    answer = fleet.command("migration_metrics", f"--window={window}", f"--export={target}")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "--window" in answer.error_line
    assert not target.exists()


def test_a_bad_file_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    bad = ["", str(tmp_path), *(str(tmp_path / n) for n in ("link", "dangling", "pipe", "no/f"))]
    for target in bad:
        answer = fleet.command("migration_metrics", f"--export={target}")
        assert (answer.exit_code, answer.stdout) == (2, ""), target
        assert "--export" in answer.error_line
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["dangling", "file", "link", "pipe"]
    assert not Sample.objects.exists()


def test_two_shapes_at_once_are_refused(fleet: Fleet) -> None:
    answer = fleet.command("migration_metrics", "--json", "--prometheus")
    assert answer.exit_code == 2
    assert answer.json["status"] == "error"


# --- the Pushgateway


class Gateway(BaseHTTPRequestHandler):
    """Takes what is pushed, or refuses it."""

    status = 200
    received: list[tuple[str, str, bytes]] = []

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.command, self.path, body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the test looks at what was received."""


@pytest.fixture
def gateway() -> Iterator[str]:
    """The address of a Pushgateway on this machine."""
    Gateway.status, Gateway.received = 200, []
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_metrics_are_pushed(fleet: Fleet, gateway: str) -> None:
    add_check()
    answer = fleet.command("migration_metrics", "--recorded", f"--push={gateway}")
    assert answer.exit_code == 0
    ((_, path, body),) = Gateway.received
    assert path == "/metrics/job/zumodra"
    assert samples_of(body.decode())["zumodra_total_tenants"] == 4


def test_a_gateway_that_refuses_or_is_away_is_told(fleet: Fleet, gateway: str) -> None:
    Gateway.status = 500
    answer = fleet.command("migration_metrics", "--recorded", f"--push={gateway}")
    assert answer.exit_code == 3
    assert answer.error_line.endswith("did not take the metrics: HTTP 500")
    answer = fleet.command("migration_metrics", "--recorded", "--push=http://127.0.0.1:9")
    assert answer.exit_code == 3
    assert "could not be reached" in answer.error_line


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:9091", "ftp://h", "http://", "http://h:x", "http://u:secret@h", "http://h\n"],
)
def test_a_bad_gateway_is_refused(fleet: Fleet, url: str) -> None:
    answer = fleet.command("migration_metrics", f"--push={url}")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "secret" not in answer.error_line
