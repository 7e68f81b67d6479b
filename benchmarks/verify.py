"""The question "is every tenant at the code?": the app, its peers and the limit, in turns."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks import contenders, facts, fleet, measured, tables
from benchmarks.contenders import Contender
from benchmarks.measuring import Sample
from benchmarks.server import Server

TARGET_TENANTS = 500
FEW_TENANTS = 50

Say = Callable[[str], None]
Result = dict[str, Any]


def measure(server: Server, tenants: int, rounds: int, quick: bool, say: Say) -> Result:
    """All figures of one run, as they are written to JSON.

    With ``quick`` the peers look at a fleet of at most ``FEW_TENANTS``, beside the app again.
    Raises ``CommandFailed`` where a contender does not do its work.
    """
    results = [_on(server, tenants, rounds, not quick, say)]
    if quick:
        results.append(_on(server, min(tenants, FEW_TENANTS), 1, True, say))
    return {
        "benchmark": "verify",
        "rounds": rounds,
        "facts": facts.gather(server, contenders.PEERS),
        "fleets": results,
    }


def targets_met(result: Result) -> bool:
    """Whether no target was missed; a fleet of a size without targets can't miss one."""
    return all(row.get("target_met", True) for one in result["fleets"] for row in one["contenders"])


def render(result: Result) -> str:
    """The result as Markdown."""
    parts = [tables.heading("Is every tenant at the code?", result["facts"])]
    parts.append(
        f"Whole processes, from start to exit, in turns over {result['rounds']} rounds; what takes"
        " long ran in fewer. Nothing is pending in any tenant, the deploy that changes nothing."
        " Memory is the largest process of each contender."
    )
    for one in result["fleets"]:
        parts.append(tables.fleet_line(one["fleet"]))
        parts.append(_table(one["contenders"]))
    return tables.page(parts)


def _on(server: Server, tenants: int, rounds: int, with_peers: bool, say: Say) -> Result:
    made = fleet.ensure(server, tenants, say)
    say(f"{made.tenants} tenants, {made.relations} relations each, {made.megabytes} MB")
    measured.warm_up(server, made, say)
    entrants = [*contenders.ours(), *contenders.limits(measured.write_reads(server, made))]
    entrants += contenders.peers() if with_peers else []
    samples = measured.in_turns(server, made, entrants, rounds, say)
    return {
        "fleet": asdict(made),
        "contenders": [_row(entrant, samples, made.tenants) for entrant in entrants],
    }


def _row(contender: Contender, samples: dict[str, Sample], tenants: int) -> Result:
    sample = samples[contender.id]
    row: Result = {"id": contender.id, "group": contender.group, "title": contender.title}
    row |= sample.as_json()
    row["milliseconds_per_tenant"] = round(1000 * sample.median / tenants, 2)
    if contender.limit:
        row["times_the_limit"] = round(sample.median / samples[contender.limit].median, 2)
    if contender.target and tenants == TARGET_TENANTS:
        row["target_seconds"] = contender.target
        row["target_met"] = sample.median < contender.target
    if contender.group == "peer":
        row["times_ours"] = {
            one: round(sample.median / samples[one].median, 1)
            for one in ("ours-ledger", "ours-structure")
        }
    return row


def _table(rows: list[Result]) -> str:
    head = (
        "",
        "runs",
        "median s",
        "min to max s",
        "ms a tenant",
        "CPU s",
        "server CPU s",
        "MB",
        "load",
        "x limit",
        "x ours",
        "x ours, structure",
        "target",
    )
    return tables.table(head, [_cells(row) for row in rows])


def _cells(row: Result) -> tuple[str, ...]:
    times = row.get("times_ours", {})
    target = ""
    if "target_met" in row:
        target = f"< {row['target_seconds']:g} s: {'met' if row['target_met'] else 'missed'}"
    return (
        row["title"],
        str(len(row["runs_seconds"])),
        f"{row['median_seconds']:.2f}",
        f"{row['min_seconds']:.2f} to {row['max_seconds']:.2f}",
        f"{row['milliseconds_per_tenant']:.2f}",
        f"{row['median_cpu_seconds']:.2f}",
        tables.figure(row["median_server_cpu_seconds"]),
        f"{row['peak_megabytes']:.0f}",
        f"{row['median_load']:.1f}",
        f"{row['times_the_limit']:.2f}" if "times_the_limit" in row else "",
        f"{times['ours-ledger']:.0f}" if times else "",
        f"{times['ours-structure']:.0f}" if times else "",
        target,
    )
