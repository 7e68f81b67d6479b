"""Command line of the benchmarks; ``./scripts/bench.sh`` prepares what they need."""

import argparse
import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg

from benchmarks import (
    backup,
    growth,
    guard,
    provision,
    recording,
    rollout,
    rollout_small,
    verify,
    workers,
)
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


@dataclass(frozen=True)
class Benchmark:
    """What one measures, and on how many tenants."""

    module: ModuleType
    """Has ``measure``, ``render``, and ``targets_met`` where there are targets."""
    help: str
    rounds: int = 5
    tenants: int = 0
    """How many by default; 0: not to be chosen."""
    sizes: tuple[int, ...] = ()
    """Of fleets, by default, for one that measures several."""
    quick: str = ""
    """What ``--quick`` leaves out; empty: there is no such option."""
    peers: tuple[str, ...] = ()
    """Of which ``--peers`` names some, or none."""

    def measure(self, server: Server, options: argparse.Namespace) -> dict[str, Any]:
        names = ("tenants", "sizes", "rounds", "quick", "peers")
        given = [getattr(options, name) for name in names if hasattr(options, name)]
        result: dict[str, Any] = self.module.measure(server, *given, _say)
        return result


BENCHMARKS = {
    "verify": Benchmark(
        verify,
        "is every tenant at the code? Ours, peers, limit",
        tenants=500,
        quick="peers on a small fleet only",
    ),
    "rollout": Benchmark(
        rollout,
        "two migrations on every tenant",
        sizes=(500,),
        peers=("smart", "multiprocessing", "standard"),
    ),
    "rollout-small": Benchmark(
        rollout_small,
        "the same on thousands of tenants, of few relations",
        rounds=3,
        sizes=(100, 500, 5000),
    ),
    "growth": Benchmark(growth, "ours, on fleets of several sizes", sizes=(100, 500, 1000)),
    "provision": Benchmark(provision, "a new tenant: ours, save(), limit", tenants=100),
    "guard": Benchmark(guard, "what the guard costs a healthy request", rounds=20),
    "recording": Benchmark(recording, "what recording costs a check", rounds=10, tenants=500),
    "backup": Benchmark(backup, "a backup, and one tenant restored", sizes=(100,)),
    "workers": Benchmark(workers, "Python work in every tenant, by workers", rounds=3, tenants=24),
}


def _run(options: argparse.Namespace) -> int:
    server = Server()
    if options.benchmark == "clean":
        server.remove()
        return CLEAN
    chosen = BENCHMARKS[options.benchmark]
    server.start()
    try:
        result = chosen.measure(server, options)
    finally:
        server.stop()
    text = chosen.module.render(result)
    _keep(options.output, options.benchmark, result, text)
    print(text, end="")
    met = not hasattr(chosen.module, "targets_met") or chosen.module.targets_met(result)
    return CLEAN if met else _fail("a target was missed: see the table", FINDINGS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.sh",
        description="Measures the app beside its peers on a PostgreSQL of its own in var/bench.",
        epilog="exit codes: 0 measured, 1 a target was missed or an answer was wrong,"
        " 2 wrong use, 3 it could not be measured, 75 another run is measuring",
    )
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for name, benchmark in BENCHMARKS.items():
        one = benchmarks.add_parser(name, help=benchmark.help)
        if benchmark.tenants:
            _option(one, "--tenants", _number, benchmark.tenants, "N")
        if benchmark.sizes:
            _option(one, "--sizes", _numbers, list(benchmark.sizes), "N,N...")
        if benchmark.quick:
            one.add_argument("--quick", action="store_true", help=benchmark.quick)
        if benchmark.peers:
            known = ",".join(benchmark.peers)
            one.add_argument(
                "--peers",
                type=_names(benchmark.peers),
                default=list(benchmark.peers),
                metavar="NAME,...",
                help=f"some of {known}, or none (default: all)",
            )
        _option(one, "--rounds", _number, benchmark.rounds, "N")
        one.add_argument(
            "--output",
            type=Path,
            default=RESULTS,
            metavar="FOLDER",
            help="where the JSON and Markdown files go (default: benchmarks/results)",
        )
    benchmarks.add_parser("clean", help="delete the server and its fleets")
    return parser


def _option(
    parser: argparse.ArgumentParser, name: str, read: Callable[[str], Any], default: Any, shown: str
) -> None:
    numbers = default if isinstance(default, list) else [default]
    text = ",".join(map(str, numbers))
    parser.add_argument(name, type=read, default=default, metavar=shown, help=f"default {text}")


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= 99_999:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 99999")


def _numbers(text: str) -> list[int]:
    return [_number(part) for part in text.split(",")]


def _names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = [] if text == "none" else text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return read


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
