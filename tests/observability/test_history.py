"""The samples that checks and heals leave."""

import logging

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet.graph import Code
from tenant_migrations.fleet.survey import Question, no_progress
from tenant_migrations.logs import FIELDS
from tenant_migrations.models import Sample
from tenant_migrations.observability import history
from tenant_migrations.rollout.verifying import verify
from tests.observability.samples import add_check
from tests.support.code import code_with
from tests.support.fleets import Fleet

BEFORE_LAST = "0024_subscription_cancellation"


def newest() -> Sample:
    sample = Sample.objects.order_by("-id").first()
    assert sample is not None
    return sample


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why samples were not written, as the log says."""
    records = [record for record in caplog.records if record.message == "sample_not_written"]
    return [getattr(record, FIELDS)["why"] for record in records]


def test_a_check_leaves_a_sample(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    assert fleet.verify().exit_code == 1
    sample = newest()
    assert (sample.trigger, sample.succeeded, sample.whole_fleet) == ("cli", True, True)
    assert sample.total_tenants == 4
    assert sample.by_status == {"drifted": 1, "ok": 3}
    assert sample.public_status == "ok"
    assert sample.not_ok == [["alpha", "drifted", 0]]
    assert sample.findings["TM101"] == 1
    assert (sample.pending_total, sample.pending_max, sample.pending_by_app) == (0, 0, {})
    assert sample.code_revision.startswith("sha256:")
    assert sample.duration_seconds > 0
    assert sample.rollout is None


def test_pending_migrations_are_counted_by_app(fleet: Fleet) -> None:
    fleet.take_back("alpha", "finance", BEFORE_LAST)
    fleet.take_back("beta", "finance", BEFORE_LAST)
    fleet.verify()
    sample = newest()
    assert sample.by_status == {"pending": 2, "ok": 2}
    assert sample.pending_by_app == {"finance": 2}
    assert (sample.pending_total, sample.pending_max) == (2, 1)
    assert sample.not_ok == [["alpha", "pending", 1], ["beta", "pending", 1]]


def test_a_heal_leaves_a_sample_of_what_it_left(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    assert fleet.verify("--fix", "--no-input").exit_code == 0
    sample = newest()
    assert sample.by_status == {"ok": 4}
    assert sample.rollout is not None
    assert sample.rollout.state == "finished"


@pytest.mark.parametrize("option", ["--tenant=alpha", "--app=finance", "--no-structure"])
def test_a_part_of_the_answer_is_not_the_whole_fleet(fleet: Fleet, option: str) -> None:
    assert fleet.verify(option).exit_code == 0
    assert not newest().whole_fleet
    assert history.newest() is None
    assert history.window(1) == []


def test_a_check_that_failed_leaves_its_error(fleet: Fleet) -> None:
    with code_with("finance", {"0025_other": ""}, depends_on=BEFORE_LAST):
        answer = fleet.verify()
    assert answer.exit_code == 3
    sample = newest()
    assert not sample.succeeded
    assert sample.error
    assert sample.error in answer.error_line
    assert (sample.total_tenants, sample.pending_total, sample.by_status) == (None, None, {})


def test_a_check_that_breaks_leaves_its_error_too(fleet: Fleet) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        history.recorded(trigger="cli", question=Question()),
    ):
        raise ZeroDivisionError("division by zero")
    assert newest().error == "division by zero"


def test_no_sample_of_wrong_use_a_busy_fleet_or_a_dry_run(fleet: Fleet) -> None:
    assert fleet.verify("--tenant=nobody").exit_code == 2
    with fleet.busy():
        assert fleet.verify("--fix", "--no-input").exit_code == 75
    assert fleet.verify("--fix", "--dry-run").exit_code == 0
    assert not Sample.objects.exists()


def test_a_database_that_is_read_only_costs_the_sample_only(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.sql(f"ALTER DATABASE {fleet.database.name} SET default_transaction_read_only = on")
    connection.close()
    with caplog.at_level(logging.DEBUG, "tenant_migrations"):
        answer = fleet.verify()
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert reasons(caplog) == ["the database is read-only"]
    assert not Sample.objects.exists()


def test_a_table_that_is_not_there_costs_the_sample_only(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    report = verify(Question(), Code(), no_progress)
    fleet.drop_table("public", "tenant_migrations_sample")
    with caplog.at_level(logging.DEBUG, "tenant_migrations"):
        sample = history.record(report, trigger="cli", question=Question())
    assert sample.total_tenants == 4
    assert reasons(caplog) == ["its table is not there"]
    assert history.window(1) == []


def test_a_locked_table_is_not_waited_for(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tenant_migrations")
    report = verify(Question(), Code(), no_progress)
    with fleet.connect(autocommit=False) as other:
        other.execute("LOCK TABLE tenant_migrations_sample")
        history.record(report, trigger="cli", question=Question())
    assert reasons(caplog) == ["canceling statement due to lock timeout"]
    assert not Sample.objects.exists()


def test_a_lost_connection_is_no_second_failure(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tenant_migrations")
    report = verify(Question(), Code(), no_progress)
    fleet.sql(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    history.record(report, trigger="cli", question=Question())
    (reason,) = reasons(caplog)
    assert reason
    connection.close()


def test_without_a_connection_a_failed_check_is_not_recorded(fleet: Fleet) -> None:
    connection.close()
    with (
        pytest.raises(DatabaseUnavailable),
        history.recorded(trigger="cli", question=Question()),
    ):
        raise DatabaseUnavailable("no connection to the database")
    assert not Sample.objects.exists()


def test_recording_takes_few_statements(fleet: Fleet) -> None:
    report = verify(Question(), Code(), no_progress)
    with CaptureQueriesContext(connection) as queries:
        history.record(report, trigger="cli", question=Question())
    assert len(queries) <= 20, queries.captured_queries


def test_old_samples_are_pruned(fleet: Fleet) -> None:
    add_check(hours_ago=24 * 91)
    add_check(hours_ago=24 * 89)
    fleet.verify()
    assert Sample.objects.count() == 2
    with override_settings(TENANT_MIGRATIONS={"HISTORY_DAYS": 30}):
        fleet.verify()
    assert Sample.objects.count() == 2


def test_a_window_is_a_window(fleet: Fleet) -> None:
    add_check(hours_ago=25)
    second, first = add_check(hours_ago=1), add_check(hours_ago=23)
    add_check(hours_ago=2, whole_fleet=False)
    assert history.window(24) == [first, second]
    assert history.window(2) == [second]
    assert history.window(24, until=first.taken_at) != []
    assert history.newest() == second
