"""The answer for people, rendered from data alone."""

import io

from tenant_migrations.cli.text import TextRenderer
from tenant_migrations.fleet import findings
from tenant_migrations.fleet.report import FleetReport, SchemaReport
from tenant_migrations.fleet.verdict import Verdict

PENDING = Verdict((findings.pending(["finance.0025_refund"]),), (("finance", "0025_refund"),))


def rendered(report: FleetReport, *, quiet: bool = False) -> list[str]:
    stream = io.StringIO()
    TextRenderer(stream).report(report, quiet=quiet)
    return stream.getvalue().splitlines()


def fleet_of(*tenants: SchemaReport) -> FleetReport:
    return FleetReport("sha256:1", SchemaReport("public", "public"), tenants)


def test_tenants_of_one_variant_share_a_paragraph() -> None:
    behind = [
        SchemaReport(f"t{n:02d}", "tenant", PENDING, domain=f"t{n}.x", variant="one")
        for n in range(30)
    ]
    lines = rendered(fleet_of(*behind, SchemaReport("odd", "tenant", PENDING, variant="two")))
    assert lines == [
        "31 tenants: 31 pending; public ok; 0.0 s",
        "",
        ", ".join(f"t{n:02d}" for n in range(20)) + " and 10 more  pending",
        "  TM001 error: 1 migration not applied: finance.0025_refund",
        "      apply: manage.py verify_tenant_migrations --fix",
        "",
        "odd  pending",
        "  TM001 error: 1 migration not applied: finance.0025_refund",
        "      apply: manage.py verify_tenant_migrations --fix --tenant=odd",
    ]


def test_what_is_a_tenants_own_sets_it_apart() -> None:
    alone = SchemaReport(
        "b", "tenant", PENDING, own=(findings.no_primary_domain(True),), variant="one"
    )
    lines = rendered(fleet_of(SchemaReport("a", "tenant", PENDING, variant="one"), alone))
    assert [line for line in lines if line.endswith("  pending")] == ["a  pending", "b  pending"]


def test_a_name_is_quoted_for_the_shell_in_hints() -> None:
    lines = rendered(fleet_of(SchemaReport("$(id) 'x'", "tenant", PENDING)))
    assert lines[-1].endswith("""--fix --tenant='$(id) '"'"'x'"'"''""")


def test_quiet_is_silent_about_what_does_not_matter() -> None:
    warned = SchemaReport("a", "tenant", own=(findings.no_primary_domain(True),))
    assert rendered(fleet_of(warned), quiet=True) == []
    assert rendered(fleet_of(warned)) == [
        "1 tenant: 1 ok; public ok; 0.0 s",
        "",
        "a  ok",
        "  TM013 warning: no primary domain",
        "      set is_primary on one of its domains",
    ]
