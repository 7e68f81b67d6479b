"""Command line of the benchmarks; ``./scripts/bench.sh`` prepares what they need."""

import argparse
import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import backup, growth, guard, provision, recording, rollout, verify, workers
from benchmarks.measuring import CommandFailed
from benchmarks.server import BENCH_DIR, CHECKOUT, Server
from zumodra.embedded_postgres import EmbeddedPostgresError

RESULTS = CHECKOUT / "benchmarks" / "results"
CLEAN, FINDINGS, COULD_NOT, BUSY = 0, 1, 3, 75


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        with _alone():
            return _run(options)
    except BlockingIOError:
        return _fail("another run is measuring; wait for it to end", BUSY)
    except CommandFailed as error:
        return _fail(str(error), FINDINGS)
    except (EmbeddedPostgresError, psycopg.Error, subprocess.SubprocessError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return _fail(f"{reason}; ./scripts/bench.sh clean starts afresh", COULD_NOT)
    except KeyboardInterrupt:
        return _fail("interrupted; a fleet that was whole is kept", COULD_NOT)


def _run(options: argparse.Namespace) -> int:
    server = Server()
    if options.benchmark == "clean":
        server.remove()
        return CLEAN
    server.start()
    try:
        if options.benchmark == "growth":
            result = growth.measure(server, options.sizes, options.rounds, _say)
            text = growth.render(result)
        elif options.benchmark == "provision":
            result = provision.measure(server, options.tenants, options.rounds, _say)
            text = provision.render(result)
        elif options.benchmark == "guard":
            result = guard.measure(server, options.rounds, _say)
            text = guard.render(result)
        elif options.benchmark == "recording":
            result = recording.measure(server, options.tenants, options.rounds, _say)
            text = recording.render(result)
        elif options.benchmark == "backup":
            result = backup.measure(server, options.sizes, options.rounds, _say)
            text = backup.render(result)
        elif options.benchmark == "rollout":
            result = rollout.measure(server, options.sizes, options.rounds, options.quick, _say)
            text = rollout.render(result)
        elif options.benchmark == "workers":
            result = workers.measure(server, options.tenants, options.rounds, _say)
            text = workers.render(result)
        else:
            result = verify.measure(server, options.tenants, options.rounds, options.quick, _say)
            text = verify.render(result)
    finally:
        server.stop()
    _keep(options.output, options.benchmark, result, text)
    print(text, end="")
    targets = {
        "verify": verify.targets_met,
        "provision": provision.targets_met,
        "guard": guard.targets_met,
        "recording": recording.targets_met,
        "backup": backup.targets_met,
    }
    met = options.benchmark not in targets or targets[options.benchmark](result)
    return CLEAN if met else _fail("a target was missed: see the table", FINDINGS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.sh",
        description="Measures the app beside its peers on a PostgreSQL of its own in var/bench.",
        epilog="exit codes: 0 measured, 1 a target was missed or an answer was wrong,"
        " 2 wrong use, 3 it could not be measured, 75 another run is measuring",
    )
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    one = benchmarks.add_parser("verify", help="is every tenant at the code? Ours, peers, limit")
    one.add_argument("--tenants", type=_number, default=500, metavar="N", help="default 500")
    one.add_argument("--quick", action="store_true", help="peers on a small fleet only")
    two = benchmarks.add_parser("growth", help="ours, on fleets of several sizes")
    two.add_argument(
        "--sizes",
        type=_numbers,
        default=[100, 500, 1000],
        metavar="N,N...",
        help="default 100,500,1000",
    )
    three = benchmarks.add_parser("provision", help="a new tenant: ours, save(), limit")
    three.add_argument("--tenants", type=_number, default=100, metavar="N", help="default 100")
    four = benchmarks.add_parser("guard", help="what the guard costs a healthy request")
    five = benchmarks.add_parser("backup", help="a backup, and one tenant restored")
    five.add_argument("--sizes", type=_numbers, default=[100], metavar="N,N...", help="default 100")
    six = benchmarks.add_parser("rollout", help="two migrations on every tenant")
    six.add_argument("--sizes", type=_numbers, default=[500], metavar="N,N...", help="default 500")
    six.add_argument("--quick", action="store_true", help="without the peers")
    seven = benchmarks.add_parser("workers", help="Python work in every tenant, by workers")
    seven.add_argument("--tenants", type=_number, default=24, metavar="N", help="default 24")
    eight = benchmarks.add_parser("recording", help="what recording costs a check")
    eight.add_argument("--tenants", type=_number, default=500, metavar="N", help="default 500")
    ours = ((four, 20), (five, 5), (seven, 3), (eight, 10))
    whole = ((one, 5), (two, 5), (three, 5), (six, 5), *ours)
    for each, rounds in whole:
        each.add_argument(
            "--rounds", type=_number, default=rounds, metavar="N", help=f"default {rounds}"
        )
        each.add_argument(
            "--output",
            type=Path,
            default=RESULTS,
            metavar="FOLDER",
            help="where the JSON and Markdown files go (default: benchmarks/results)",
        )
    benchmarks.add_parser("clean", help="delete the server and its fleets")
    return parser


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= 99_999:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 99999")


def _numbers(text: str) -> list[int]:
    return [_number(part) for part in text.split(",")]


@contextmanager
def _alone() -> Iterator[None]:
    """Raises ``BlockingIOError`` where another run is at work."""
    BENCH_DIR.mkdir(parents=True, exist_ok=True)
    with (BENCH_DIR / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _keep(folder: Path, name: str, result: dict[str, Any], text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    (folder / f"{name}.md").write_text(text)


def _say(message: str) -> None:
    print(f"bench: {message}", file=sys.stderr, flush=True)


def _fail(message: str, code: int) -> int:
    print(f"bench.sh: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
