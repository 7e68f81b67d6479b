"""What the app's time and memory do as the fleet grows."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks import contenders, facts, fleet, measured, tables
from benchmarks.server import Server

Say = Callable[[str], None]
Result = dict[str, Any]


def measure(server: Server, sizes: Sequence[int], rounds: int, say: Say) -> Result:
    """The app on fleets of these sizes, one size after the other, smallest first."""
    rows = []
    for size in sorted(set(sizes)):
        made = fleet.ensure(server, size, say)
        say(f"{made.tenants} tenants, {made.relations} relations each, {made.megabytes} MB")
        measured.warm_up(server, made, say)
        samples = measured.in_turns(server, made, contenders.ours(), rounds, say)
        rows.append(
            {"fleet": asdict(made)} | {id_: sample.as_json() for id_, sample in samples.items()}
        )
    return {
        "benchmark": "growth",
        "rounds": rounds,
        "facts": facts.gather(server, contenders.PEERS),
        "sizes": rows,
    }


def render(result: Result) -> str:
    """The result as Markdown."""
    parts = [
        tables.heading("Growth with the number of tenants", result["facts"]),
        f"Whole processes, {result['rounds']} rounds each. *Each further tenant* is the time"
        " above that of the next smaller fleet, divided by the tenants that it has more: growth is"
        " linear where that stays the same.",
    ]
    for contender in contenders.ours():
        parts += [f"## `{contender.title}`", _table(contender.id, result["sizes"])]
    return tables.page(parts)


def _table(id_: str, rows: Sequence[Result]) -> str:
    head = (
        "tenants",
        "relations",
        "database MB",
        "median s",
        "min to max s",
        "ms a tenant",
        "ms each further tenant",
        "CPU s",
        "server CPU s",
        "peak MB",
        "load",
    )
    return tables.table(
        head, [_cells(id_, row, before) for row, before in zip(rows, [None, *rows], strict=False)]
    )


def _cells(id_: str, row: Result, before: Result | None) -> tuple[str, ...]:
    sample, tenants = row[id_], row["fleet"]["tenants"]
    further = ""
    if before:
        more = tenants - before["fleet"]["tenants"]
        longer = sample["median_seconds"] - before[id_]["median_seconds"]
        further = f"{1000 * longer / more:.2f}"
    return (
        f"{tenants:,}",
        f"{tenants * row['fleet']['relations']:,}",
        f"{row['fleet']['megabytes']:,}",
        f"{sample['median_seconds']:.2f}",
        f"{sample['min_seconds']:.2f} to {sample['max_seconds']:.2f}",
        f"{1000 * sample['median_seconds'] / tenants:.2f}",
        further,
        f"{sample['median_cpu_seconds']:.2f}",
        tables.figure(sample["median_server_cpu_seconds"]),
        f"{sample['peak_megabytes']:.0f}",
        f"{sample['median_load']:.1f}",
    )
