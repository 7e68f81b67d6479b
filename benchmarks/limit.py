"""The limit: given statements over two connections, in one process with nothing but psycopg.

    python limit.py STATEMENTS GROUP...

The file holds the connection and groups of statements; the first group runs on one connection,
the second is shared among two. Answers are fetched and thrown away.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

CONNECTIONS = 2


def work(conninfo: str, statements: "SimpleQueue[tuple[str, Any]]") -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            try:
                statement, parameters = statements.get_nowait()
            except Empty:
                return
            connection.execute(statement, parameters).fetchall()


def main(path: str, *groups: str) -> None:
    given = json.loads(Path(path).read_text())
    for group in groups:
        statements: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        for statement, parameters in given[group]:
            statements.put((statement, parameters))
        connections = CONNECTIONS if group == "structures" else 1
        with ThreadPoolExecutor(connections) as pool:
            for worker in [
                pool.submit(work, given["conninfo"], statements) for _ in range(connections)
            ]:
                worker.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
