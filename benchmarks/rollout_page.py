"""The page of rollouts: tables by fleet and code, what a further tenant takes, and the bars."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from benchmarks import tables

TITLES = {
    "": "Nothing to do",
    "schema": "Two migrations: two columns and an index",
    "code": "The same, and three rows written by `RunPython`",
}

PEERS_MET = 500
"""Tenants of the fleet that the bars beside the peers are for."""

LEAST_TIMES = (
    ("", "standard", 200.0),
    ("", "smart", 15.0),
    ("schema", "standard", 60.0),
    ("code", "standard", 20.0),
)
"""How many times the drop-in's time a peer should take on ``PEERS_MET`` tenants."""
MOST_TIMES_LIMIT = 1.5
"""What the drop-in's workers should take beside as many of the limit's. As a whole process it also
starts Python, Django and the project, nearly half of what the limit takes in all for ``PEERS_MET``
tenants: that has no bar."""
MOST_TIMES_COST, MOST_TIMES_MEMORY, MOST_BACKEND_MEGABYTES = 1.2, 1.3, 200.0
"""On the largest fleet: a tenant's time beside that on one of ``PEERS_MET``, and the memory of the
client beside that on the smallest."""


Result = dict[str, Any]


def render(result: Result) -> str:
    """The result as Markdown."""
    parts = [
        tables.heading("Bringing every tenant to new code", result["facts"]),
        "Whole processes, from start to exit, in turns; before each the fleet was taken back. *x"
        " limit* is against a bare replay of the same statements over as many connections."
        " *work* is what the workers took for a tenant, in milliseconds: from the beginning of the"
        " first wave in threads to the end of its last tenant, as the rollout recorded it, beside"
        " the bare replay without its start."
        " *backend MB* is the most private memory that one of the server's backends had.",
    ]
    head = (
        "",
        "runs",
        "median s",
        "min to max s",
        "ms a tenant",
        "CPU s",
        "MB",
        "backend MB",
        "load",
        "x limit",
        "work",
        "x limit's",
        "x drop-in",
        "x --fix",
    )
    for one in result["fleets"]:
        parts.append(tables.fleet_line(one["fleet"]))
        for code, rows in one["codes"].items():
            parts += [f"### {TITLES[code]}", tables.table(head, [_cells(row) for row in rows])]
    if len(result["fleets"]) > 1:
        parts += ["## Each further tenant", *_further(result["fleets"])]
    if result["bars"]:
        rows = [
            (bar["what"], f"{bar['figure']:.2f}", bar["bar"], "" if bar["met"] else "missed")
            for bar in result["bars"]
        ]
        parts += ["## Bars, for the drop-in", tables.table(("", "figure", "bar", ""), rows)]
    return tables.page(parts)


def _cells(row: Result) -> tuple[str, ...]:
    times = row.get("times_ours", {})
    return (
        row["title"],
        str(len(row["runs_seconds"])),
        f"{row['median_seconds']:.2f}",
        f"{row['min_seconds']:.2f} to {row['max_seconds']:.2f}",
        f"{row['milliseconds_per_tenant']:.2f}",
        f"{row['median_cpu_seconds']:.2f}",
        f"{row['peak_megabytes']:.0f}",
        f"{row['backend_megabytes']:.0f}",
        f"{row['median_load']:.1f}",
        tables.figure(row.get("times_the_limit")),
        tables.figure(row.get("work_milliseconds")),
        tables.figure(row.get("work_times_the_limit")),
        *(f"{times[one]:.1f}" if times else "" for one in ("drop-in", "fix")),
    )


def _further(fleets: Sequence[Result]) -> Iterator[str]:
    """What a tenant more takes, from each size to the next, and over all."""
    sizes = [one["fleet"]["tenants"] for one in fleets]
    head = ("", *(f"{few:,} to {many:,}" for few, many in _spans(sizes)), "x limit, last")
    yield "Milliseconds, from the medians of one size to those of the next, and over all."
    for code, title in TITLES.items():
        slopes = _slopes(fleets, code)
        limit = slopes.get("limit-2")
        rows = []
        for row in fleets[-1]["codes"][code]:
            taken = slopes.get(row["id"], [])
            times = f"{taken[-1] / limit[-1]:.2f}" if limit and taken else ""
            rows.append((row["title"], *(f"{one:.2f}" for one in taken), times))
        yield f"{title}:"
        yield tables.table(head, rows)


def _spans(values: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Each with the next, and the first with the last."""
    return [*pairwise(values), *([(values[0], values[-1])] if len(values) > 2 else [])]


def _slopes(fleets: Sequence[Result], code: str) -> dict[str, list[float]]:
    """By contender that met all fleets."""
    medians = [{row["id"]: row["median_seconds"] for row in one["codes"][code]} for one in fleets]
    sizes = [one["fleet"]["tenants"] for one in fleets]
    return {
        id_: [
            1000 * (many[1][id_] - few[1][id_]) / (many[0] - few[0])
            for few, many in _spans([*zip(sizes, medians, strict=True)])
        ]
        for id_ in set.intersection(*(set(one) for one in medians))
    }


def bars(fleets: Sequence[Result]) -> Iterator[Result]:
    """What was aimed at, as far as the fleets that were measured tell it."""

    def row(one: Result, code: str, id_: str = "drop-in") -> Result:
        return next((row for row in one["codes"][code] if row["id"] == id_), {})

    def least(what: str, figure: float, bar: float) -> Result:
        return {"what": what, "figure": figure, "bar": f"at least {bar:g}", "met": figure >= bar}

    def most(what: str, figure: float, bar: float) -> Result:
        return {"what": what, "figure": figure, "bar": f"at most {bar:g}", "met": figure <= bar}

    def without_bar(what: str, figure: float) -> Result:
        return {"what": what, "figure": figure, "bar": "", "met": True}

    for one in fleets:
        if one["fleet"]["tenants"] == PEERS_MET:
            for code, peer, bar in LEAST_TIMES:
                if times := row(one, code, peer).get("times_ours"):
                    title = f"{TITLES[code]}: times as quick as {row(one, code, peer)['title']}"
                    yield least(title, times["drop-in"], bar)
            ours = row(one, "schema")
            work, whole = ours["work_times_the_limit"], ours["times_the_limit"]
            yield most("Two migrations, the work: times the limit's", work, MOST_TIMES_LIMIT)
            yield without_bar("Two migrations, from start to exit: times the limit", whole)
    if len(fleets) < 2:
        return
    slopes = _slopes(fleets, "schema")
    ratio = slopes["drop-in"][-1] / slopes["limit-2"][-1]
    yield without_bar("Two migrations, a further tenant: times the limit", ratio)
    fewest, largest = fleets[0], fleets[-1]
    some = next((one for one in fleets[:-1] if one["fleet"]["tenants"] >= PEERS_MET), fewest)
    for few, what, name, bar in (
        (some, "time of a tenant", "milliseconds_per_tenant", MOST_TIMES_COST),
        (fewest, "memory of the client", "peak_megabytes", MOST_TIMES_MEMORY),
    ):
        between = f"{largest['fleet']['tenants']:,} tenants beside {few['fleet']['tenants']:,}"
        ratio = row(largest, "schema")[name] / row(few, "schema")[name]
        yield most(f"{between}: {what}", ratio, bar)
    backend = max(row(one, code)["backend_megabytes"] for one in fleets for code in TITLES)
    yield most("Largest backend, MB", backend, MOST_BACKEND_MEGABYTES)
