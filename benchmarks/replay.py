"""The limit of a rollout: given statements in one transaction per schema, with psycopg alone.

python replay.py FILE CONNECTIONS

It prints the seconds from before the first connection is opened until all are through.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

import psycopg
from psycopg import sql


def work(conninfo: str, schemas: "SimpleQueue[str]", statements: list[str]) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            try:
                schema = schemas.get_nowait()
            except Empty:
                return
            with connection.transaction():
                path = sql.SQL("SET LOCAL search_path = {}, public").format(sql.Identifier(schema))
                connection.execute(path)
                for statement in statements:
                    connection.execute(statement)


def main(path: str, connections: str) -> None:
    given = json.loads(Path(path).read_text())
    schemas: SimpleQueue[str] = SimpleQueue()
    for schema in given["schemas"]:
        schemas.put(schema)
    began = time.perf_counter()
    with ThreadPoolExecutor(int(connections)) as pool:
        for worker in [
            pool.submit(work, given["conninfo"], schemas, given["statements"])
            for _ in range(int(connections))
        ]:
            worker.result()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
