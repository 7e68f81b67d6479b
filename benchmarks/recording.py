"""What recording costs a check of the fleet."""

import json
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks import contenders, facts, fleet, tables
from benchmarks.measuring import CommandFailed
from benchmarks.server import CHECKOUT, Server

Say = Callable[[str], None]
Result = dict[str, Any]

MOST = 0.05
"""The share of the check that recording may take."""

TITLES = {
    "unchanged": "nothing has changed",
    "changed": "every tenant's state is new",
    "ledgers": "ledgers only",
}


def measure(server: Server, tenants: int, rounds: int, say: Say) -> Result:
    """Checks and their recording in one process, each timed by itself."""
    made = fleet.ensure(server, tenants, say)
    say(f"{rounds} rounds of checks and their recording")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.checking", str(rounds)],
        cwd=CHECKOUT,
        env=server.environment(made.database),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CommandFailed(f"benchmarks.checking exited with {done.returncode}: {last}")
    seconds: Result = json.loads(done.stdout)
    return {
        "benchmark": "recording",
        "rounds": rounds,
        "facts": facts.gather(server, contenders.PEERS),
        "tenants": tenants,
        "seconds": seconds,
        "shares": {name: _share(timed) for name, timed in seconds.items()},
    }


def _share(timed: dict[str, list[float]]) -> float:
    pairs = zip(timed["record"], timed["check"], strict=True)
    return median(record / check for record, check in pairs)


def targets_met(result: Result) -> bool:
    return bool(max(result["shares"].values()) <= MOST)


def render(result: Result) -> str:
    """The result as Markdown."""
    rows = [
        (
            TITLES[name],
            *(f"{1000 * median(timed[part]):.0f}" for part in ("check", "record")),
            f"{100 * result['shares'][name]:.1f} %",
        )
        for name, timed in result["seconds"].items()
    ]
    return tables.page(
        [
            tables.heading("What recording costs a check", result["facts"]),
            f"A check of {result['tenants']} tenants and the recording of its sample and of the"
            f" tenants' states, {result['rounds']} rounds in one process, in turns; medians in"
            " milliseconds, and the median of the rounds' shares. The start of the process comes on"
            " top of the check alone.",
            tables.table(("check", "the check", "recording", "share"), rows),
            f"At most {100 * MOST:.0f} % is the target.",
        ]
    )
