"""Running contenders in turns on one fleet."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from json import dumps, loads
from pathlib import Path

from benchmarks.contenders import PYTHON, VERIFY, Contender, check_answer
from benchmarks.fleet import Fleet
from benchmarks.measuring import Run, Sample, run
from benchmarks.server import BENCH_DIR, CHECKOUT, Server

Say = Callable[[str], None]


def warm_up(server: Server, fleet: Fleet, say: Say) -> None:
    """Build the reference schemas and see that the app finds the whole fleet well.

    Raises ``CommandFailed`` for a wrong answer.
    """
    environment = server.environment(fleet.database)
    first = run(VERIFY, environment, server)
    say(
        f"first run, building the reference schemas where they are not there: {first.seconds:.1f} s"
    )
    answer = subprocess.run(
        (*VERIFY, "--json"),
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    check_answer(answer.stdout.decode(), fleet.tenants)


def write_reads(server: Server, fleet: Fleet) -> Path:
    """The statements that the app sends for this fleet, in a file for ``limit.py``."""
    path = BENCH_DIR / f"reads_{fleet.tenants}.json"
    environment = server.environment(fleet.database)
    environment["DJANGO_SETTINGS_MODULE"] = "zumodra.settings"
    command = (PYTHON, "-m", "benchmarks.reads", str(path))
    subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)
    reads = loads(path.read_text()) | {"conninfo": server.conninfo(fleet.database)}
    path.write_text(dumps(reads))
    return path


def in_turns(
    server: Server, fleet: Fleet, contenders: Sequence[Contender], rounds: int, say: Say
) -> dict[str, Sample]:
    """Each contender once per round, so that what else the machine does meets them all alike.

    Raises ``CommandFailed`` where a contender does not do its work.
    """
    runs: dict[str, list[Run]] = {contender.id: [] for contender in contenders}
    for number in range(1, rounds + 1):
        for contender in _of_round(contenders, number):
            one = run(contender.command, contender.environment(server, fleet.database), server)
            runs[contender.id].append(one)
            say(
                f"round {number} of {rounds}: {contender.title}: {one.seconds:.2f} s"
                f" (load {one.load:.1f})"
            )
    return {id_: Sample(tuple(done)) for id_, done in runs.items() if done}


def _of_round(contenders: Iterable[Contender], number: int) -> list[Contender]:
    return [c for c in contenders if c.rounds is None or number <= c.rounds]
