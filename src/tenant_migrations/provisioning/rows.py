"""The rows of a schema, and the state of its sequences, as statements that write them again."""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import sql

from tenant_migrations.database import quote
from tenant_migrations.fleet.ledger import LEDGER_TABLE
from tenant_migrations.fleet.structure import ObjectMap
from tenant_migrations.vocabulary import ObjectKind

GENERATED = " GENERATED ALWAYS AS ("
ROWS_PER_INSERT = 500


def tables_with_rows(cursor: Any, schema: str, tables: Sequence[str]) -> list[str]:
    """Those of a schema's tables that are not empty, in the order given."""
    if not tables:
        return []
    cursor.execute(
        " UNION ALL ".join(
            f"SELECT {position} WHERE EXISTS (SELECT 1 FROM {quote(schema)}.{quote(name)})"
            for position, name in enumerate(tables)
        )
    )
    return [tables[position] for position in sorted(row[0] for row in cursor.fetchall())]


def inserts(cursor: Any, schema: str, table: str, objects: ObjectMap) -> Iterator[str]:
    """Statements that write a table's rows, in their present order.

    Ledger rows are dated by the clock of the transaction that writes them.
    """
    columns = [
        key.name
        for key, text in objects.items()
        if key.kind is ObjectKind.COLUMN and key.relation == table and GENERATED not in text
    ]
    dated = table == LEDGER_TABLE
    values = " || ', ' || ".join(
        "'now()'" if dated and name == "applied" else f"quote_nullable({quote(name)}::text)"
        for name in columns
    )
    cursor.execute(
        f"SELECT '(' || {values} || ')' FROM {quote(schema)}.{quote(table)} ORDER BY ctid"
    )
    rows = [row[0] for row in cursor.fetchall()]
    into = f"INSERT INTO {quote(table)} ({', '.join(map(quote, columns))}) OVERRIDING SYSTEM VALUE"
    for start in range(0, len(rows), ROWS_PER_INSERT):
        yield f"{into} VALUES\n" + ",\n".join(rows[start : start + ROWS_PER_INSERT])


def sequence_states(cursor: Any, schema: str, sequences: Sequence[str]) -> Iterator[str]:
    """A statement that moves the sequences which are not where a new one is; none if all are."""
    if not sequences:
        return
    cursor.execute(
        " UNION ALL ".join(
            f"SELECT {position}, s.last_value, s.is_called FROM {quote(schema)}.{quote(name)} s"
            for position, name in enumerate(sequences)
        )
    )
    states = {sequences[position]: (last, called) for position, last, called in cursor.fetchall()}
    cursor.execute(
        "SELECT sequencename, start_value FROM pg_sequences WHERE schemaname = %s", [schema]
    )
    fresh = {name: (start, False) for name, start in cursor.fetchall()}
    moves = [
        f"setval({sql.Literal(quote(name)).as_string()}, {last}, {str(called).lower()})"
        for name, (last, called) in states.items()
        if fresh[name] != (last, called)
    ]
    if moves:
        yield f"SELECT {', '.join(moves)}"
