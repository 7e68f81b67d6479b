"""Types of columns: whether changing one into another leaves what is stored as it is.

After the PostgreSQL documentation, ALTER TABLE, Notes: a table is not rewritten where the old type
is binary coercible to the new one, or where the new length or precision only allows more.
"""

import re
from dataclasses import dataclass

ALIASES = {
    "character varying": "varchar",
    "character": "char",
    "bpchar": "char",
    "decimal": "numeric",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float8": "double precision",
    "float4": "real",
    "bool": "boolean",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
    "bit varying": "varbit",
}

COERCIBLE = {
    ("varchar", "text"),
    ("text", "varchar"),
    ("citext", "text"),
    ("citext", "varchar"),
    ("text", "citext"),
    ("varchar", "citext"),
    ("cidr", "inet"),
    ("xml", "text"),
    ("xml", "varchar"),
    ("integer", "oid"),
    ("oid", "integer"),
}
"""Old and new type that are stored alike (``pg_cast`` with ``castmethod = 'b'``)."""

LENGTHS = {"varchar", "varbit"}
PRECISIONS = {
    "timestamp with time zone",
    "timestamp without time zone",
    "time with time zone",
    "time without time zone",
}


@dataclass(frozen=True)
class Type:
    """A type and its modifiers, such as a length."""

    name: str
    limits: tuple[int, ...] = ()


def changes_contents(old: str, new: str) -> bool:
    """Whether a column has to be written anew to be of the new type."""
    before, after = _parsed(old), _parsed(new)
    if before == after:
        return False
    if before.name != after.name:
        return (before.name, after.name) not in COERCIBLE or bool(after.limits)
    if before.name not in LENGTHS | PRECISIONS | {"numeric"}:
        return True
    return bool(after.limits) and not (before.limits and _is_wider(before, after))


def _is_wider(before: Type, after: Type) -> bool:
    """Whether the limits of a type were only widened."""
    if before.name != "numeric":
        return after.limits >= before.limits
    (most, scale), (most_after, scale_after) = (_two(kind.limits) for kind in (before, after))
    return scale == scale_after and most_after >= most


def _parsed(text: str) -> Type:
    lowered = " ".join(text.lower().split())
    limits = tuple(map(int, re.findall(r"\d+", "".join(re.findall(r"\([^)]*\)", lowered)))))
    name = " ".join(re.sub(r"\([^)]*\)", " ", lowered).split()).strip('"')
    if name.endswith("[]") or name.endswith("[ ]"):
        return Type(name.replace(" ", "") + str(limits))
    return Type(ALIASES.get(name, name), limits)


def _two(limits: tuple[int, ...]) -> tuple[int, int]:
    return limits[0], limits[1] if len(limits) > 1 else 0
