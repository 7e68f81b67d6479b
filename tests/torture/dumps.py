"""What of a ``pg_dump`` has to be equal after a repair."""

import re


def comparable(script: str) -> list[str]:
    """The statements of a dump, sorted, without what a repair does not promise.

    The order of columns (an added one stands last), comments on tables and columns, and the names
    of NOT NULL constraints, which PostgreSQL 18 keeps when a table or a column is renamed.
    """
    lines = [line for line in script.splitlines() if line and not line.startswith("--")]
    text = re.sub(r" CONSTRAINT \S+_not_null NOT NULL", " NOT NULL", "\n".join(lines))
    text = re.sub(r"'(?:[^']|'')*'|\$\$.*?\$\$", _without_semicolons, text, flags=re.DOTALL)
    statements = [statement.strip() for statement in text.split(";")]
    return sorted(
        _columns_sorted(statement) for statement in statements if "COMMENT ON" not in statement
    )


def _without_semicolons(match: re.Match[str]) -> str:
    return match.group().replace(";", ",")


def _columns_sorted(statement: str) -> str:
    if not statement.startswith("CREATE TABLE"):
        return statement
    first, *columns, last = statement.splitlines()
    return "\n".join([first, *sorted(column.rstrip(",") for column in columns), last])
