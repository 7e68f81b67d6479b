"""What a heal leaves on record, and the signals and registrations that come with migrating."""

from tests.torture.fleet import TortureFleet
from tests.torture.versions import version

STRICTER = """
    migrations.AddConstraint(
        "shelf", models.UniqueConstraint(fields=("name",), name="stock_shelf_name"))
"""


def test_a_run_records_its_plan_and_the_fleet_before_and_after(torture: TortureFleet) -> None:
    answer = torture.heal()
    rollout = torture.last_rollout()
    assert rollout["id"] == answer.json["fix"]["rollout"]
    assert rollout["state"] == "finished"
    assert rollout["trigger"] == "cli"
    assert rollout["error"] == ""
    assert rollout["code_revision"] == answer.json["code_revision"]
    assert rollout["before"] == {"ok": 1, "pending": 3}
    assert rollout["after"] == {"ok": 4}
    assert rollout["started_at"] <= rollout["heartbeat_at"] <= rollout["finished_at"]
    (variant,) = rollout["plan"]
    assert variant["tenants"] == ["first", "second", "third"]
    assert "quick.0003_by_steps" in variant["migrations"]
    waves = [(wave["wave"], len(wave["schemas"])) for wave in rollout["waves"]]
    assert waves == [("reference", 0), ("first of each group", 1), ("rest", 2)]


def test_the_waves_are_recorded_as_they_begin(torture: TortureFleet) -> None:
    torture.sql("DROP INDEX tm_rollout_state", schema="public")
    torture.heal("--canary=third", "--jobs=1")
    rollout = torture.last_rollout()
    assert [(wave["wave"], wave["schemas"]) for wave in rollout["waves"]] == [
        ("reference", []),
        ("public", ["public"]),
        ("canaries", ["third"]),
        ("rest", ["first", "second"]),
    ]
    began = [wave["began_at"] for wave in rollout["waves"]]
    assert began == sorted(began)


def test_each_tenant_has_an_outcome(torture: TortureFleet) -> None:
    torture.sql("DROP INDEX shop_made", schema="third")
    torture.heal()
    outcomes = torture.outcomes(torture.last_rollout()["id"])
    assert set(outcomes) == {"first", "second", "third"}
    for outcome in outcomes.values():
        assert outcome["state"] == "fixed"
        assert outcome["status_after"] == "ok"
        assert outcome["attempts"] == 1
        assert outcome["duration_seconds"] > 0
        assert len(outcome["ledger_before"]) == 64
        assert outcome["applied"][-1] != outcome["applied"][0]
        assert (outcome["migration"], outcome["sqlstate"], outcome["message"]) == ("", "", "")
    assert outcomes["first"]["status_before"] == "pending"
    assert outcomes["third"]["status_before"] == "drifted"
    assert outcomes["third"]["repaired"] == ["index shop_product.shop_made"]
    assert outcomes["first"]["repaired"] == []


def test_what_is_recorded_as_applied_is_what_the_ledger_gained(torture: TortureFleet) -> None:
    before = set(torture.ledger("first"))
    torture.heal()
    gained = [key for key in torture.ledger("first") if key not in before]
    outcome = torture.outcomes(torture.last_rollout()["id"])["first"]
    assert outcome["applied"] == [f"{app}.{name}" for app, name in gained]


def test_a_failure_is_recorded_with_place_cause_and_remedy(healthy: TortureFleet) -> None:
    healthy.version = version(healthy.folder, "stock", {"0005_stricter": STRICTER})
    healthy.sql("INSERT INTO stock_shelf (name) VALUES ('Top')", schema="second")
    healthy.heal()
    outcome = healthy.outcomes(healthy.last_rollout()["id"])["second"]
    assert outcome["state"] == "failed"
    assert outcome["status_after"] == "pending"
    assert outcome["migration"] == "stock.0005_stricter"
    assert outcome["sqlstate"] == "23505"
    assert "stock_shelf_name" in outcome["message"]
    assert outcome["hint"].endswith("--fix --tenant=second")
    assert outcome["duration_seconds"] is not None


def test_a_run_with_nothing_to_do_is_recorded_too(healthy: TortureFleet) -> None:
    answer = healthy.heal()
    fix = answer.json["fix"]
    assert (fix["fixed"], fix["failed"], fix["skipped"], fix["outcomes"]) == (0, 0, 0, [])
    assert healthy.last_rollout()["after"] == {"ok": 4}


def test_tenants_left_alone_are_recorded_with_the_reason(healthy: TortureFleet) -> None:
    healthy.add_row("nowhere")
    answer = healthy.heal()
    assert answer.exit_code == 1
    outcome = healthy.outcomes(healthy.last_rollout()["id"])["nowhere"]
    assert outcome["state"] == "skipped"
    assert outcome["status_before"] == "missing"
    assert "no schema" in outcome["message"]
    assert outcome["hint"]


def test_lost_content_types_and_permissions_are_made_as_django_makes_them(
    healthy: TortureFleet,
) -> None:
    healthy.sql(
        "DELETE FROM auth_permission WHERE codename LIKE '%note';"
        "DELETE FROM django_content_type WHERE model = 'note'",
        schema="first",
    )
    assert "TM201" in healthy.verify().ids("first")
    answer = healthy.heal()
    assert answer.exit_code == 0, answer.stdout
    registered = """
        SELECT t.app_label, t.model, p.codename, p.name
          FROM django_content_type t LEFT JOIN auth_permission p ON p.content_type_id = t.id
      ORDER BY 1, 2, 3
    """
    assert healthy.sql(registered, schema="first") == healthy.sql(registered, schema="clean")


def test_signals_of_django_tenants_are_sent_for_every_tenant(torture: TortureFleet) -> None:
    heard = torture.folder / "heard"
    answer = torture.heal(TORTURE_SIGNALS=str(heard))
    assert answer.exit_code == 0
    lines = heard.read_text().splitlines()
    for name in ("first", "second", "third"):
        positions = [lines.index(f"{signal} {name}") for signal in ("pre_migration", "migrated")]
        assert positions == sorted(positions)
    assert "migrated clean" not in lines


def test_a_failed_tenant_is_not_announced_as_migrated(healthy: TortureFleet) -> None:
    heard = healthy.folder / "heard"
    healthy.version = version(healthy.folder, "stock", {"0005_stricter": STRICTER})
    healthy.sql("INSERT INTO stock_shelf (name) VALUES ('Top')", schema="second")
    healthy.heal(TORTURE_SIGNALS=str(heard))
    lines = heard.read_text().splitlines()
    assert "pre_migration second" in lines
    assert "migrated second" not in lines
    assert "migrated first" in lines
