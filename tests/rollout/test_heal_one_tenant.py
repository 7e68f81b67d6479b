"""``--fix --tenant`` does to one tenant what it needs, and nothing to any other schema."""

from tests.support.code import code_with
from tests.support.fleets import Fleet

ADD_NOTE = 'AddField("plan", "note", models.TextField(null=True))'


def test_a_new_migration_of_a_tenant_app_reaches_that_tenant_alone(fleet: Fleet) -> None:
    with code_with("finance", {"0099_note": ADD_NOTE}):
        healed = fleet.verify("--fix", "--tenant=alpha", "--json")
        after = fleet.verify("--json")
    assert healed.json["fix"]["fixed"] == 1
    assert {tenant["schema_name"]: tenant["status"] for tenant in after.json["tenants"]} == {
        "alpha": "ok",
        "beta": "pending",
        "delta": "pending",
        "gamma": "pending",
    }
    assert after.json["public"]["status"] == "pending"


def test_what_public_needs_first_is_said(fleet: Fleet) -> None:
    with code_with("integrations", {"0099_nothing": ""}):
        answer = fleet.verify("--fix", "--tenant=alpha")
    assert answer.exit_code == 1
    assert answer.stderr == (
        "error: public lacks integrations.0099_nothing, which come before any tenant's: "
        "run verify_tenant_migrations --fix without --tenant\n"
    )
