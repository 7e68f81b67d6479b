"""Effects: which table a statement locks how, and whether it reads, rewrites or indexes all of it.

Data in one place, after the PostgreSQL documentation: "Explicit Locking" (13.3.1 has the modes and
which statements take them), and per statement the pages ALTER TABLE (its Notes say what rewrites a
table and what only scans it), CREATE INDEX, CREATE TABLE, DROP INDEX, CREATE TRIGGER, COMMENT,
TRUNCATE, LOCK and REFRESH MATERIALIZED VIEW. Where these say nothing, it is what PostgreSQL does.
What is in none of the tables here is said to be unknown. Pure functions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from tenant_migrations.rollout.statements import NAME, bare, items, split
from tenant_migrations.rollout.types import changes_contents


class Lock(IntEnum):
    """Modes of table locks, the strongest last."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    def __str__(self) -> str:
        return self.name.replace("_", " ")

    @property
    def waits(self) -> str:
        """Who waits while it is held."""
        if self is Lock.ACCESS_EXCLUSIVE:
            return "readers and writers wait"
        return "writers wait" if self >= Lock.SHARE else "nobody waits"


class Work(IntEnum):
    """What is done with the rows, the longest last."""

    NONE = 0
    """Only the catalog changes, however large the table is."""
    ROWS = 1
    """Rows are written, as many as the statement says."""
    SCAN = 2
    INDEX = 3
    REWRITE = 4

    def __str__(self) -> str:
        return WORK[self]


WORK = {
    Work.NONE: "brief",
    Work.ROWS: "writes rows",
    Work.SCAN: "reads the whole table",
    Work.INDEX: "builds an index",
    Work.REWRITE: "rewrites the table",
}


@dataclass(frozen=True)
class Effect:
    """What a statement does to one table."""

    table: str
    lock: Lock
    work: Work = Work.NONE


@dataclass(frozen=True)
class Relations:
    """What has to be known of a schema to tell; without it the longer work is supposed."""

    types: Mapping[tuple[str, str], str] = field(default_factory=lambda: MappingProxyType({}))
    """Types of columns, as ``format_type`` writes them, by table and column."""
    indexes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Tables of indexes."""
    references: Mapping[tuple[str, str], str] = field(default_factory=lambda: MappingProxyType({}))
    """Tables that foreign keys point to, by table and constraint."""

    def renamed(self, old: str, new: str) -> "Relations":
        """The same with another name for a table."""
        return Relations(
            {(new if t == old else t, column): kind for (t, column), kind in self.types.items()},
            {index: new if t == old else t for index, t in self.indexes.items()},
            {
                (new if t == old else t, name): new if target == old else target
                for (t, name), target in self.references.items()
            },
        )


AE, SRE, SUE = Lock.ACCESS_EXCLUSIVE, Lock.SHARE_ROW_EXCLUSIVE, Lock.SHARE_UPDATE_EXCLUSIVE

ACTIONS: tuple[tuple[str, Lock, Work], ...] = (
    ("VALIDATE CONSTRAINT ", SUE, Work.SCAN),
    ("ADD (?:CONSTRAINT {name} )?FOREIGN KEY .* NOT VALID", SRE, Work.NONE),
    ("ADD (?:CONSTRAINT {name} )?FOREIGN KEY ", SRE, Work.SCAN),
    ("ADD (?:CONSTRAINT {name} )?(?:CHECK|NOT NULL) .* NOT VALID", AE, Work.NONE),
    ("ADD (?:CONSTRAINT {name} )?(?:CHECK|NOT NULL) ", AE, Work.SCAN),
    ("ADD (?:CONSTRAINT {name} )?(?:UNIQUE|PRIMARY KEY) USING INDEX ", AE, Work.NONE),
    ("ADD (?:CONSTRAINT {name} )?(?:UNIQUE|PRIMARY KEY|EXCLUDE) ", AE, Work.INDEX),
    # Columns: see ``_added_column`` and ``_retyped``; what is left here is brief.
    ("ALTER (?:COLUMN )?{name} SET NOT NULL", AE, Work.SCAN),
    ("ALTER (?:COLUMN )?{name} SET EXPRESSION ", AE, Work.REWRITE),
    ("ALTER (?:COLUMN )?{name} (?:SET STATISTICS|SET \\(|RESET \\()", SUE, Work.NONE),
    ("ALTER (?:COLUMN )?{name} (?:SET|DROP|ADD|RESTART) ", AE, Work.NONE),
    ("DROP ", AE, Work.NONE),
    ("RENAME ", AE, Work.NONE),
    ("SET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)", AE, Work.REWRITE),
    ("(?:SET|RESET) \\(", SUE, Work.NONE),
    ("CLUSTER ON |SET WITHOUT CLUSTER", SUE, Work.NONE),
    ("(?:DISABLE|ENABLE) TRIGGER ", SRE, Work.NONE),
    ("SET SCHEMA |OWNER TO |ALTER CONSTRAINT |(?:NO )?INHERIT ", AE, Work.NONE),
    ("(?:ENABLE|DISABLE|FORCE|NO FORCE) ROW LEVEL SECURITY|REPLICA IDENTITY ", AE, Work.NONE),
)
"""Actions of ALTER TABLE: what they begin with, the lock, the work. The first that fits counts."""

STATEMENTS: tuple[tuple[str, Lock, Work], ...] = (
    (
        "CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?(?:{name} )?ON (?:ONLY )?{table}",
        SUE,
        Work.INDEX,
    ),
    (
        "CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?(?:{name} )?ON (?:ONLY )?{table}",
        Lock.SHARE,
        Work.INDEX,
    ),
    ("CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER .*? ON {table}", SRE, Work.NONE),
    ("DROP TRIGGER (?:IF EXISTS )?{name} ON {table}", AE, Work.NONE),
    ("CREATE STATISTICS .* FROM {table}", SUE, Work.NONE),
    ("COMMENT ON TABLE {table}", SUE, Work.NONE),
    ("COMMENT ON COLUMN {table} \\. ", SUE, Work.NONE),
    ("ANALYZE {table}", SUE, Work.SCAN),
    ("VACUUM (?:\\( FULL.*?\\)|FULL) {table}", AE, Work.REWRITE),
    ("CLUSTER {table}", AE, Work.REWRITE),
    ("REINDEX (?:\\( .*? \\) )?TABLE CONCURRENTLY {table}", SUE, Work.INDEX),
    ("REINDEX (?:\\( .*? \\) )?TABLE {table}", Lock.SHARE, Work.INDEX),
    (
        "REFRESH MATERIALIZED VIEW CONCURRENTLY {table}",
        Lock.EXCLUSIVE,
        Work.REWRITE,
    ),
    ("REFRESH MATERIALIZED VIEW {table}", AE, Work.REWRITE),
    ("DROP MATERIALIZED VIEW (?:IF EXISTS )?{table}", AE, Work.NONE),
    ("(?:INSERT|MERGE) INTO {table}", Lock.ROW_EXCLUSIVE, Work.ROWS),
    ("UPDATE (?:ONLY )?{table}", Lock.ROW_EXCLUSIVE, Work.ROWS),
    ("DELETE FROM (?:ONLY )?{table}", Lock.ROW_EXCLUSIVE, Work.ROWS),
    ("COPY {table} .*?FROM ", Lock.ROW_EXCLUSIVE, Work.ROWS),
)
"""Statements about one table."""

HARMLESS = re.compile(
    r"(?:SET|RESET|SHOW|BEGIN|COMMIT|SAVEPOINT|RELEASE|NOTIFY)\b"
    r"|(?:CREATE|ALTER|DROP) (?:OR REPLACE )?(?:TEMP(?:ORARY)? )?"
    r"(?:VIEW|SEQUENCE|TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|EXTENSION|SCHEMA|COLLATION)\b"
    r"|COMMENT ON (?!TABLE|COLUMN)"
    r"|ALTER INDEX .* RENAME "
)
"""Statements that lock no table against anybody who works on rows."""

CREATE_TABLE = re.compile(
    rf"CREATE (?:UNLOGGED |TEMP(?:ORARY)? )?TABLE (?:IF NOT EXISTS )?({NAME})"
)
RENAME_TABLE = re.compile(rf"ALTER TABLE (?:IF EXISTS )?({NAME}) RENAME TO ({NAME})$")
ALTER_TABLE = re.compile(rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?({NAME})(?: \*)? (.*)")
DROP_TABLE = re.compile(r"DROP TABLE (?:IF EXISTS )?(.*?)(?: CASCADE| RESTRICT)?$")
TRUNCATE = re.compile(
    r"TRUNCATE (?:TABLE )?(?:ONLY )?(.*?)"
    r"(?: (?:RESTART|CONTINUE) IDENTITY)?(?: CASCADE| RESTRICT)?$"
)
DROP_CONSTRAINT = re.compile(rf"DROP CONSTRAINT (?:IF EXISTS )?({NAME})")
DROP_INDEX = re.compile(
    r"DROP INDEX (?P<concurrently>CONCURRENTLY )?(?:IF EXISTS )?"
    r"(?P<indexes>.*?)(?: CASCADE| RESTRICT)?$"
)
LOCK_TABLE = re.compile(r"LOCK (?:TABLE )?(?:ONLY )?(.*?)(?: IN (.*) MODE)?(?: NOWAIT)?$")
REFERENCES = re.compile(rf"\bREFERENCES ({NAME})")
PARTITION_OF = re.compile(rf" PARTITION OF ({NAME})")
ADD_COLUMN = re.compile(rf"ADD (?:COLUMN )?(?:IF NOT EXISTS )?({NAME}) (.*)")
RETYPE = re.compile(
    rf"ALTER (?:COLUMN )?({NAME}) (?:SET DATA )?TYPE (.*?)"
    rf"(?: COLLATE (?P<collation>{NAME}))?(?: USING (?P<using>.*))?$"
)
USING_ITSELF = re.compile(rf"{NAME}(?: :: .*)?")

STABLE = {
    *("NOW", "STATEMENT_TIMESTAMP", "TRANSACTION_TIMESTAMP", "TO_CHAR", "DATE_TRUNC", "MD5"),
    *("COALESCE", "LOWER", "UPPER", "LENGTH", "CONCAT", "ABS", "ROUND", "REPLACE", "TRIM"),
}
"""Functions that a default may call and still be worked out once for all rows."""
NO_CALLS = {"CHECK", "KEY", "UNIQUE"}
"""Words before a parenthesis that are no functions."""


@dataclass(frozen=True)
class Judgement:
    """What a script does, as far as it is known."""

    effects: tuple[Effect, ...] = ()
    created: tuple[str, ...] = ()
    """Tables that it makes: nobody waits for these."""
    unknown: tuple[str, ...] = ()
    """Statements of which nothing is known."""


def judge(script: str, relations: Relations | None = None) -> Judgement:
    """What the statements of a script do to tables that were there before it.

    A table that it renames goes by the name that it had.
    """
    known = relations or Relations()
    effects: list[Effect] = []
    created: list[str] = []
    unknown: list[str] = []
    before: dict[str, str] = {}
    for statement in split(script):
        found = _statement(statement.normal, known, created)
        if found is None:
            unknown.append(statement.written)
            continue
        effects += (
            replace(effect, table=before.get(effect.table, effect.table))
            for effect in found
            if effect.table not in created
        )
        if match := RENAME_TABLE.match(statement.normal):
            old, new = bare(match[1]), bare(match[2])
            known = known.renamed(old, new)
            if old in created:
                created[created.index(old)] = new
            else:
                before[new] = before.get(old, old)
    return Judgement(tuple(effects), tuple(created), tuple(unknown))


def _statement(statement: str, known: Relations, created: list[str]) -> list[Effect] | None:
    """Effects of one statement; ``None`` where they are not known."""
    if match := CREATE_TABLE.match(statement):
        created.append(bare(match[1]))
        parents = [Effect(bare(name), AE) for name in PARTITION_OF.findall(statement)]
        return [*parents, *_referenced(statement, Work.NONE)]
    if match := ALTER_TABLE.match(statement):
        return _alter_table(bare(match[1]), match[2], known)
    if match := DROP_TABLE.match(statement):
        return _dropped([bare(name) for name in items(match[1])], known)
    if match := DROP_INDEX.match(statement):
        mode = SUE if match["concurrently"] else AE
        tables = [known.indexes.get(bare(name)) for name in items(match["indexes"])]
        return [Effect(table, mode) for table in tables if table]
    if match := LOCK_TABLE.match(statement):
        mode = Lock[(match[2] or "ACCESS EXCLUSIVE").replace(" ", "_")]
        return [Effect(bare(name), mode) for name in items(match[1])]
    return _by_form(statement)


def _by_form(statement: str) -> list[Effect] | None:
    for form, mode, work in STATEMENTS:
        pattern = form.replace("{name}", NAME).replace("{table}", f"(?P<table>{NAME})")
        if match := re.match(pattern, statement):
            return [Effect(bare(match["table"]), mode, work)]
    if match := TRUNCATE.match(statement):
        return [Effect(bare(name), AE) for name in items(match[1])]
    return [] if HARMLESS.match(statement) else None


def _alter_table(table: str, actions: str, known: Relations) -> list[Effect] | None:
    found: list[Effect] = []
    for action in items(actions):
        effects = _action(table, action, known)
        if effects is None:
            return None
        found += effects
    return found


def _dropped(tables: list[str], known: Relations) -> list[Effect]:
    """Tables that are dropped, and those that lose the triggers of a foreign key."""
    other = [target for (table, _), target in known.references.items() if table in tables]
    return [Effect(table, AE) for table in (*tables, *other)]


def _action(table: str, action: str, known: Relations) -> list[Effect] | None:
    if match := DROP_CONSTRAINT.match(action):
        target = known.references.get((table, bare(match[1])))
        return [Effect(table, AE), *([Effect(target, AE)] if target else [])]
    for form, mode, work in ACTIONS:
        if re.match(form.replace("{name}", NAME), action):
            return [Effect(table, mode, work), *_referenced(action, work)]
    if match := RETYPE.match(action):
        old = known.types.get((table, bare(match[1])))
        return [Effect(table, AE, _retyped(old, match))]
    if match := ADD_COLUMN.match(action):
        work = _added_column(match[2])
        return [Effect(table, AE, work), *_referenced(match[2], work)]
    return None


def _referenced(text: str, work: Work) -> list[Effect]:
    """Tables that foreign keys point to; they are read where rows are to be compared."""
    read = Work.SCAN if work >= Work.SCAN else Work.NONE
    return [Effect(bare(name), SRE, read) for name in REFERENCES.findall(text)]


def _retyped(old: str | None, match: "re.Match[str]") -> Work:
    plain = not match["using"] or USING_ITSELF.fullmatch(match["using"])
    if old is None or not plain or changes_contents(old, match[2]):
        return Work.REWRITE
    return Work.INDEX if match["collation"] else Work.NONE


def _added_column(definition: str) -> Work:
    """A column is added without a rewrite where its value is the same in all rows."""
    if re.search(r" AS IDENTITY| STORED\b|^(?:BIG|SMALL)?SERIAL\b", definition):
        return Work.REWRITE
    if default := re.search(r"\bDEFAULT (.*)", definition):
        called = re.findall(r"(?<!:: )\b([A-Z_][A-Z_0-9]*) \(", default[1])
        if any(name not in STABLE | NO_CALLS for name in called):
            return Work.REWRITE
    if re.search(r" UNIQUE\b| PRIMARY KEY\b", definition):
        return Work.INDEX
    if re.search(r" CHECK \(| REFERENCES ", definition):
        return Work.SCAN
    return Work.NONE
