"""What users see: plain lines in a log, a table on a terminal, one document for programs."""

import re

import pytest

from tests.support.fleets import Fleet
from tests.support.terminals import on_terminal

VERIFY = "verify_tenant_migrations"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_what_is_not_well_in_plain_lines(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    answer = fleet.manage(VERIFY)
    first, *rest = answer.stdout.splitlines()
    assert re.fullmatch(r"4 tenants: 3 ok, 1 drifted; public ok; \d+\.\d s", first)
    assert rest == [
        "",
        "alpha  drifted",
        "  TM101 error: table finance_refund is missing (made by finance.0025_refund)",
        "      create it: manage.py verify_tenant_migrations --fix --tenant=alpha",
    ]
    assert answer.stderr == ""


def test_no_colours_and_no_cut_lines_in_a_log(fleet: Fleet) -> None:
    fleet.add_tenant("x" * 63)
    fleet.drop_table("x" * 63, "finance_refund")
    answer = fleet.manage(VERIFY, COLUMNS="40", TERM="xterm-256color")
    assert "\x1b" not in answer.stdout + answer.stderr
    hint = f"create it: manage.py verify_tenant_migrations --fix --tenant={'x' * 63}"
    assert f"      {hint}" in answer.stdout.splitlines()


def test_names_are_no_markup(fleet: Fleet) -> None:
    fleet.add_tenant("[red]x[/]", schema=False)
    assert "[red]x[/]  missing" in fleet.verify().stdout.splitlines()


def test_a_table_on_a_terminal(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.take_back("beta", "finance", "0024_subscription_cancellation")
    code, screen = on_terminal(fleet, VERIFY)
    assert code == 1
    assert COLOUR.search(screen)
    lines = [line.rstrip() for line in COLOUR.sub("", screen).splitlines()]
    assert "tenant  status   pending  findings" in lines
    assert "alpha   drifted           TM101" in lines
    assert "beta    pending        1  TM001" in lines


@pytest.mark.parametrize("way", ["NO_COLOR", "--no-color"])
def test_a_table_without_colours(fleet: Fleet, way: str) -> None:
    fleet.drop_schema("alpha")
    if way == "NO_COLOR":
        code, screen = on_terminal(fleet, VERIFY, NO_COLOR="1")
    else:
        code, screen = on_terminal(fleet, VERIFY, way)
    assert code == 1
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen)
    assert "missing" in screen


def test_escape_codes_in_names_do_not_reach_the_terminal(fleet: Fleet) -> None:
    fleet.add_tenant("\x1b]0;owned\x07", schema=False)
    code, screen = on_terminal(fleet, VERIFY)
    assert code == 1
    assert "\x1b]0;" not in screen
    assert r"\x1b]0;owned\x07" in screen


def test_healing_asks_who_sits_at_a_terminal(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    before = fleet.dump("alpha")
    code, screen = on_terminal(fleet, VERIFY, "--fix", typed="n\n")
    assert code == 1
    assert "go on? [y/N]" in screen
    assert "nothing was changed, as you said" in screen
    assert fleet.dump("alpha") == before

    code, screen = on_terminal(fleet, VERIFY, "--fix", typed="y\n")
    assert code == 0
    assert fleet.dump("alpha") == fleet.dump("beta")


def test_healing_does_not_ask_with_no_input(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    code, screen = on_terminal(fleet, VERIFY, "--fix", "--no-input")
    assert (code, "go on?" in screen) == (0, False)


def test_quiet_says_nothing_when_all_is_well(fleet: Fleet) -> None:
    fleet.sql("UPDATE tenants_domain SET is_primary = false")
    answer = fleet.verify("--quiet")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "", "")


def test_quiet_says_what_is_not_well(fleet: Fleet) -> None:
    fleet.drop_schema("alpha")
    fleet.sql("UPDATE tenants_domain SET is_primary = false WHERE domain = 'beta.localhost'")
    answer = fleet.verify("--quiet")
    assert answer.exit_code == 1
    assert "alpha  missing" in answer.stdout.splitlines()
    assert "beta" not in answer.stdout


def test_without_structure_only_ledgers_are_compared(fleet: Fleet) -> None:
    fleet.drop_table("alpha", "finance_refund")
    fleet.take_back("beta", "finance", "0024_subscription_cancellation")
    for schema in ("tenant_migrations_reference_tenant", "tenant_migrations_reference_public"):
        fleet.drop_schema(schema)
    answer = fleet.verify("--no-structure", "--json")
    assert answer.statuses() == {"alpha": "ok", "beta": "pending", "gamma": "ok", "delta": "ok"}
    assert answer.json["structure_compared"] is False
    assert answer.json["findings"] == []
    assert "; structure not compared; " in fleet.verify("--no-structure").stdout


def test_tenant_may_be_repeated(fleet: Fleet) -> None:
    fleet.drop_schema("delta")
    answer = fleet.verify("--json", "--tenant=beta", "--tenant=alpha", "--tenant=beta")
    assert answer.exit_code == 0
    assert list(answer.statuses()) == ["beta", "alpha"]
    assert answer.json["total_tenants"] == 2


def test_app_narrows_what_is_asked(fleet: Fleet) -> None:
    fleet.take_back("alpha", "hr_core", "0016_employee_hired_from")
    fleet.drop_table("beta", "finance_refund")
    hr_core = fleet.verify("--app=hr_core", "--json")
    assert hr_core.statuses() == {"alpha": "pending", "beta": "ok", "gamma": "ok", "delta": "ok"}
    finance = fleet.verify("--app=finance", "--json")
    assert finance.statuses() == {"alpha": "ok", "beta": "drifted", "gamma": "ok", "delta": "ok"}
    both = fleet.verify("--app=finance", "--app=hr_core", "--json")
    assert (both.status("alpha"), both.status("beta")) == ("pending", "drifted")


def test_app_names_what_it_depends_on_too(fleet: Fleet) -> None:
    fleet.take_back("alpha", "accounts", "0017_profile_last_seen_idx")
    fleet.take_back("alpha", "finance", "0024_subscription_cancellation")
    pending = fleet.verify("--app=finance", "--json").tenant("alpha")["pending_migrations"]
    assert {"app": "finance", "name": "0025_refund"} in pending


def test_variants_are_the_same_for_the_same_shape(fleet: Fleet) -> None:
    for name in ("alpha", "beta"):
        fleet.drop_table(name, "finance_refund")
    document = fleet.verify("--json").json
    assert [(v["tenants"], v["status"]) for v in document["variants"]] == [
        (2, "drifted"),
        (2, "ok"),
    ]
    of = {t["schema_name"]: t["variant"] for t in document["tenants"]}
    assert of["alpha"] == of["beta"] != of["gamma"] == of["delta"]


def test_the_document_is_one_line_of_json_also_from_a_process(fleet: Fleet) -> None:
    fleet.add_tenant("\x1b[31m<b>\n", schema=False)
    answer = fleet.manage(VERIFY, "--json")
    assert answer.status("\x1b[31m<b>\n") == "missing"
    assert len(answer.stdout.splitlines()) == 1
    assert "\x1b" not in answer.stdout
    assert answer.stderr == ""


def test_help_tells_the_exit_codes(fleet: Fleet) -> None:
    answer = fleet.manage(VERIFY, "--help")
    assert answer.exit_code == 0
    assert "exit codes: 0 all well, 1 findings, 2 wrong use, 3 could not ask, 75" in answer.stdout
