"""Recipes: what is unsafe about an operation while old code runs, and what to do instead.

Rules of squawk and django-migration-linter that mean the same share one recipe.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One kind of unsafe operation. Its name is what a reviewed exception names."""

    name: str
    danger: str
    instead: str
    rules: frozenset[str]


def _recipe(name: str, danger: str, instead: str, *rules: str) -> Recipe:
    return Recipe(name, danger, instead, frozenset(rules))


RECIPES = (
    _recipe(
        "required-column",
        "old code does not fill the new column: its inserts fail",
        "give the field null=True or a db_default; make it required in a later release",
        "adding-required-field",
        "adding-not-nullable-field",
        "adding-field-with-default",
        "NOT_NULL",
    ),
    _recipe(
        "dropped-column",
        "old code still reads and writes the column: it fails until it is gone",
        "first release: take the field out of the model with SeparateDatabaseAndState, and give "
        "the column a default; next release: drop it",
        "ban-drop-column",
        "DROP_COLUMN",
    ),
    _recipe(
        "dropped-table",
        "old code still uses the table: it fails until it is gone",
        "first release: take the model out with SeparateDatabaseAndState; next release: drop it",
        "ban-drop-table",
        "DROP_TABLE",
    ),
    _recipe(
        "renamed-column",
        "old code uses the old name: it fails until it is gone",
        "keep the column (db_column), or add a new one, fill it, and drop the old one later",
        "renaming-column",
        "RENAME_COLUMN",
    ),
    _recipe(
        "renamed-table",
        "old code uses the old name: it fails until it is gone",
        "keep the table (db_table in the model's Meta)",
        "renaming-table",
        "RENAME_TABLE",
    ),
    _recipe(
        "changed-type",
        "the table is rewritten while nobody can read it, and old code may not fit the new type",
        "add a column of the new type, fill it in batches, switch over, drop the old one",
        "changing-column-type",
        "ALTER_COLUMN",
    ),
    _recipe(
        "narrowed-column",
        "every row is checked while nobody can write, and old code may write what is now refused",
        "AddConstraintNotValid with CHECK (column IS NOT NULL), then ValidateConstraint, then the "
        "change",
        "adding-not-null-constraint",
        "setting-not-nullable-field",
    ),
    _recipe(
        "blocking-index",
        "nobody can write to the table while the index is built",
        "AddIndexConcurrently of django.contrib.postgres.operations, in a migration with "
        "atomic = False",
        "require-concurrent-index-creation",
        "CREATE_INDEX",
        "CREATE_INDEX_EXCLUSIVE",
        "REINDEX",
    ),
    _recipe(
        "blocking-index-drop",
        "everybody waits behind the lock that dropping an index takes",
        "RemoveIndexConcurrently of django.contrib.postgres.operations, in a migration with "
        "atomic = False",
        "require-concurrent-index-deletion",
        "DROP_INDEX",
    ),
    _recipe(
        "blocking-constraint",
        "every row is checked while nobody can write to the table",
        "AddConstraintNotValid, then ValidateConstraint in a second migration "
        "(django.contrib.postgres.operations)",
        "constraint-missing-not-valid",
    ),
    _recipe(
        "foreign-key",
        "every row is checked while nobody can write to either table",
        "add the field with db_constraint=False, then RunSQL: ADD CONSTRAINT ... NOT VALID, and "
        "VALIDATE CONSTRAINT in a second migration",
        "adding-foreign-key-constraint",
    ),
    _recipe(
        "unique-constraint",
        "old rows and old code may hold values twice, and nobody can write while it is built",
        "build the unique index concurrently, then ADD CONSTRAINT ... UNIQUE USING INDEX",
        "disallowed-unique-constraint",
        "ADD_UNIQUE",
    ),
    _recipe(
        "irreversible",
        "there is no way back but a restore",
        "give RunPython a reverse_code and RunSQL a reverse_sql (RunPython.noop where nothing is "
        "to be done)",
        "irreversible",
        "RUNPYTHON_REVERSIBLE",
    ),
)

NOT_OURS = frozenset(
    (
        "ban-char-field",
        "prefer-bigint-over-int",
        "prefer-bigint-over-smallint",
        "prefer-big-int",
        "prefer-identity",
        "prefer-robust-stmts",
        "prefer-text-field",
        "prefer-timestamp-tz",
        "prefer-timestamptz",
        "require-lock-timeout",
        "require-statement-timeout",
        "require-timeout-settings",
        "ban-concurrent-index-creation-in-transaction",
        "ban-uncommitted-transaction",
        "transaction-nesting",
    )
)
"""Rules on style, on what Django decides, and on what every rollout does (timeouts)."""


def recipe_for(rule: str, message: str = "", help_text: str = "") -> Recipe:
    """The recipe of a rule; one made of the tool's own words where there is none."""
    for recipe in RECIPES:
        if rule in recipe.rules:
            return recipe
    return _recipe(rule, message or rule, help_text or "see the tool's documentation", rule)
