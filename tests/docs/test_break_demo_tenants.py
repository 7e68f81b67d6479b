"""`break_demo_tenants`: six tenants in six states, however often, and never a real one."""

from tests.docs.documents import CHECKOUT, blocks
from tests.support.fleets import Fleet
from zumodra.demo.breakages import BREAKAGES

EXPECTED = {breakage.schema_name: breakage.status.value for breakage in BREAKAGES}
WELL = {"tenant_demo": "ok", "tenant_demo_008": "ok"}


def test_six_are_broken_each_in_its_way_again_and_again(public_only: Fleet) -> None:
    made = public_only.command("bootstrap_demo_tenant", "--tenants=8")
    assert made.exit_code == 0, made.stderr
    for _ in range(2):
        broken = public_only.command("break_demo_tenants")
        assert broken.exit_code == 0, broken.stderr
        told = dict(line.split()[:2] for line in broken.stdout.splitlines())
        assert told == EXPECTED
        assert public_only.verify("--json").statuses() == WELL | EXPECTED
    shown = public_only.verify().stdout
    shown += public_only.verify("--fix").stdout
    assert [line for line in shown_by_readme() if line not in shown.splitlines()] == []


def shown_by_readme() -> list[str]:
    """The output that the README shows, but for what differs with the number of tenants."""
    (block,) = blocks(CHECKOUT / "README.md", "text")
    lines = [line for line in block.splitlines() if not line.startswith(("$ ", "…", "25 "))]
    assert len(lines) > 10
    return lines


def test_it_needs_seven_demo_tenants(public_only: Fleet) -> None:
    answer = public_only.command("break_demo_tenants")
    assert answer.exit_code == 2
    assert "bootstrap_demo_tenant --tenants=7" in answer.error_line


def test_it_refuses_a_database_with_other_tenants(fleet: Fleet) -> None:
    for options in ([], ["--dry-run"]):
        answer = fleet.manage("break_demo_tenants", *options)
        assert answer.exit_code == 1
        assert "no demo" in answer.error_line


def test_a_dry_run_breaks_nothing(public_only: Fleet) -> None:
    before = public_only.dump_all()
    answer = public_only.command("break_demo_tenants", "--dry-run")
    assert answer.exit_code == 0
    assert len(answer.stdout.splitlines()) == len(BREAKAGES)
    assert public_only.dump_all() == before
