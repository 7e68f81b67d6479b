"""What the guard costs a healthy request."""

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

TENANTS = 2
HOST = fleet.FIRST.replace("_", "-") + ".example.com"
MOST = 1.05
"""The ratio that is allowed: what is below can't be told from noise on a busy machine."""


def measure(server: Server, rounds: int, say: Say) -> Result:
    """Requests of a tenant's sign-in page, with the guard and without it, in turns."""
    made = fleet.ensure(server, TENANTS, say)
    say(f"{rounds} rounds of requests with and without the guard")
    environment = server.environment(made.database) | {"ALLOWED_HOSTS": HOST}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.visiting", HOST, str(rounds)],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CommandFailed(f"benchmarks.visiting exited with {done.returncode}: {last}")
    visits: Result = json.loads(done.stdout)
    return {
        "benchmark": "guard",
        "rounds": rounds,
        "facts": facts.gather(server, contenders.PEERS),
        "requests_per_round": visits["requests_per_round"],
        "seconds": visits["seconds"],
        "ratio": median(
            with_guard / without
            for with_guard, without in zip(
                visits["seconds"]["with"], visits["seconds"]["without"], strict=True
            )
        ),
    }


def targets_met(result: Result) -> bool:
    return float(result["ratio"]) <= MOST


def render(result: Result) -> str:
    """The result as Markdown."""
    requests = result["requests_per_round"]
    rows = [
        (name, *(f"{1e6 * pick(seconds) / requests:.0f}" for pick in (median, min, max)))
        for name, seconds in result["seconds"].items()
    ]
    return tables.page(
        [
            tables.heading("What the guard costs a healthy request", result["facts"]),
            f"A tenant's sign-in page through the whole WSGI stack in one process,"
            f" {result['rounds']} rounds of {requests} requests each way, in turns; microseconds of"
            " the process's CPU a request, which other work on the machine changes little.",
            tables.table(("guard", "median", "min", "max"), rows),
            f"Median of the rounds' ratios, with to without: **{result['ratio']:.3f}**;"
            f" at most {MOST} is the target.",
        ]
    )
