"""What holds for any input: the pure parts of reading, by property."""

from collections.abc import Sequence
from itertools import pairwise

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tenant_migrations.cli.printable import printable
from tenant_migrations.fleet import ledger
from tenant_migrations.fleet.comparison import differences
from tenant_migrations.fleet.expectation import (
    BASE,
    Expected,
    Reference,
    Step,
    changes_between,
    digest_of,
)
from tenant_migrations.fleet.graph import MigrationKey
from tenant_migrations.fleet.remedies import _Column, in_order, remedy
from tenant_migrations.fleet.structure import ObjectKey, ObjectMap
from tenant_migrations.vocabulary import ObjectKind
from tests.support.fleets import Fleet

WORDS = st.sampled_from(["alpha", "beta", "a b", 'q"t', "ü"])
KEYS = st.one_of(
    st.builds(lambda name: ObjectKey(ObjectKind.TABLE, name, name), WORDS),
    st.builds(ObjectKey, st.sampled_from([ObjectKind.COLUMN, ObjectKind.INDEX]), WORDS, WORDS),
)
MAPS = st.dictionaries(KEYS, st.sampled_from(["text", "text NOT NULL", "integer DEFAULT 0"]))
HISTORIES = st.lists(MAPS, min_size=1, max_size=8)


def reference_of(history: Sequence[ObjectMap]) -> Reference:
    """A reference that passed one migration per map."""
    maps = [{}, *history]
    steps = [
        Step(key_at(position) if position else BASE, changes_between(before, after))
        for position, (before, after) in enumerate(pairwise(maps))
    ]
    return Reference("tenant", "reference", steps)


def key_at(position: int) -> MigrationKey:
    return ("app", f"{position:04d}_step")


@given(MAPS, MAPS)
def test_changes_turn_one_map_into_the_other(before: ObjectMap, after: ObjectMap) -> None:
    turned = dict(before)
    for key, old, new in changes_between(before, after):
        assert turned.get(key) == old
        if new is None:
            del turned[key]
        else:
            turned[key] = new
    assert turned == after


@given(HISTORIES)
def test_every_ledger_along_the_way_gives_its_map(history: list[ObjectMap]) -> None:
    reference = reference_of(history)
    for position, objects in enumerate(history):
        ledger_then = [key_at(step) for step in range(1, position + 1)]
        expected = reference.expect(ledger_then)
        assert expected.objects == objects
        assert not expected.uncertain
        assert not expected.unknown
        assert differences(expected, objects) == []


@given(HISTORIES, st.data())
def test_a_ledger_with_gaps_is_never_called_certain_where_it_is_not(
    history: list[ObjectMap], data: st.DataObject
) -> None:
    reference = reference_of(history)
    positions = range(1, len(history))
    kept = data.draw(st.sets(st.sampled_from(positions))) if positions else set()
    expected = reference.expect(map(key_at, kept))
    touched = {
        key
        for position in set(positions) - kept
        for key, _, _ in reference.changes_of(key_at(position))
    }
    full = reference.expect(reference.passed)
    for key in expected.objects.keys() - touched - expected.uncertain:
        assert expected.objects[key] == full.objects[key]


@given(st.sets(st.tuples(WORDS, WORDS)))
def test_unknown_migrations_are_told(names: set[MigrationKey]) -> None:
    assert reference_of([{}]).expect(names).unknown == tuple(sorted(names))


@given(MAPS, st.randoms())
def test_a_digest_does_not_depend_on_order(objects: ObjectMap, dice: object) -> None:
    shuffled = list(objects.items())
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest_of(dict(shuffled)) == digest_of(objects)


@given(MAPS, MAPS)
def test_equal_digests_are_equal_maps(one: ObjectMap, other: ObjectMap) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)


@given(MAPS, MAPS)
def test_differences_are_complete(want: ObjectMap, have: ObjectMap) -> None:
    expected = Expected(want, dict.fromkeys(want, ("app", "0001")))
    found = {d.key: d.state for d in differences(expected, have)}
    whole = {k.relation for k in found if k.kind is ObjectKind.TABLE}
    for key in want.keys() | have.keys():
        if key.kind is not ObjectKind.TABLE and key.relation in whole:
            assert key not in found
        elif key not in have:
            assert found[key] == "missing"
        elif key not in want:
            assert found[key] == "extra"
        else:
            assert (key in found) == (want[key] != have[key])


@given(MAPS)
def test_ignored_relations_do_not_differ(have: ObjectMap) -> None:
    assert differences(Expected({}, {}), have, ignore=["*"]) == []


TYPES = st.sampled_from(
    ["text", "bigint", "character varying(50)", "numeric(10,2)", "timestamp with time zone"]
)
LITERALS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    st.sampled_from([" NOT NULL", " DEFAULT ", " GENERATED ALWAYS AS (", " AS IDENTITY"]),
).map(lambda text: "'" + text.replace("'", "''") + "'::text")
DEFAULTS = st.one_of(
    st.just(""),
    LITERALS.map(" DEFAULT {}".format),
    LITERALS.map(" GENERATED ALWAYS AS ({}) STORED".format),
)


@given(TYPES, DEFAULTS, st.booleans(), st.booleans())
def test_a_column_is_taken_apart_as_it_was_put_together(
    type_: str, default: str, identity: bool, not_null: bool
) -> None:
    identity = identity and not default
    definition = (
        type_
        + default
        + (" GENERATED BY DEFAULT AS IDENTITY" if identity else "")
        + (" NOT NULL" if not_null else "")
    )
    assert _Column.parse(definition) == _Column(type_, default, identity, not_null)


@given(MAPS.filter(bool))
def test_remedies_come_in_an_order_in_which_tables_are_first(objects: ObjectMap) -> None:
    made = [
        remedy
        for key, text in objects.items()
        if key.kind is not ObjectKind.INDEX
        if (remedy := _created(key, text, objects))
    ]
    ordered = [remedy.key.kind for remedy in in_order(made, objects)]
    assert ordered == sorted(ordered, key=[ObjectKind.TABLE, ObjectKind.COLUMN].index)


def _created(key: ObjectKey, text: str, objects: ObjectMap) -> object:
    return remedy(key, text, None, objects)


@given(st.text())
def test_printable_is_printable_and_leaves_readable_text_alone(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert "\x1b" not in shown
    if text.isprintable():
        assert shown == text


LEDGERS = st.lists(
    st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=9)] * 2),
    max_size=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LEDGERS)
def test_the_digest_of_a_ledger_is_the_same_in_sql_and_python(
    fleet: Fleet, rows: list[MigrationKey]
) -> None:
    table = sql.Identifier("alpha", "django_migrations")
    with fleet.connect(autocommit=False) as raw:
        raw.execute(sql.SQL("DELETE FROM {}").format(table))
        raw.cursor().executemany(
            sql.SQL("INSERT INTO {} (app, name, applied) VALUES (%s, %s, now())").format(table),
            rows,
        )
        found = raw.execute(ledger.DIGEST.format(ledger=table)).fetchall()
        copied = ledger.read_digests(raw, ["alpha"], batch=1)
        raw.rollback()
    assert found == [(ledger.digest_of(rows),)]
    assert copied == ({"alpha": ledger.digest_of(rows)}, {})


def test_a_ledger_names_each_duplicate_after_the_first() -> None:
    rows = ledger.Ledger(((1, ("a", "x")), (2, ("a", "y")), (3, ("a", "x")), (4, ("a", "x"))))
    assert rows.keys == (("a", "x"), ("a", "y"))
    assert [row_id for row_id, _ in rows.duplicates] == [3, 4]


def test_a_connection_that_broke_is_no_answer(fleet: Fleet) -> None:
    """A schema that can't be read costs the others nothing; a lost connection ends the reading."""
    with fleet.connect() as raw:
        fleet.sql("SELECT pg_terminate_backend(%s, 5000)", raw.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            ledger.read_digests(raw, ["alpha", "beta"], batch=100)
